"""The tab in which several models are asked about the same picture."""

import gradio

from classifier.endpoints import Endpoints
from classifier.endpoints.aside import Aside
from classifier.endpoints.compare import Compare
from classifier.interface.answer import DISABLE, ENABLE
from classifier.interface.question import QUICK, Question, at_end
from classifier.markup import note

COMPARISONS_AT_ONCE = 16
INVITATION = "Choose models and press Compare: each says what it sees in the picture."


def build(endpoints: Endpoints, aside: Aside, question: Question, tab: gradio.Tab) -> None:
    """Models to choose, and what each of them says."""
    compare = Compare(endpoints, aside)
    models = gradio.CheckboxGroup(
        compare.offer(), value=compare.ready(), label="Models", elem_id="compared"
    )
    with gradio.Row():
        start = gradio.Button("Compare", variant="primary", scale=3, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)
    table = gradio.HTML(note(INVITATION), elem_id="comparison")

    tab.select(compare.choices, None, models, **QUICK)
    start.click(None, None, stop, js=ENABLE)
    done = start.click(
        compare.table,
        [*question.source, models],
        table,
        show_progress="minimal",
        concurrency_id="compare",
        concurrency_limit=COMPARISONS_AT_ONCE,
        api_visibility="private",
    )
    for end in at_end(done):
        end(None, None, stop, js=DISABLE)
        end(compare.choices, None, models, **QUICK)
    stop.click(None, None, stop, js=DISABLE, cancels=[done])

    gradio.api(
        compare.compare,
        api_name="compare",
        concurrency_id="compare",
        concurrency_limit=COMPARISONS_AT_ONCE,
    )
