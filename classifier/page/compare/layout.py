"""The tab Compare."""

import gradio

from classifier.endpoints.endpoint import COMPARE, MAX_COMPARISONS
from classifier.endpoints.services import Services
from classifier.page.compare.handlers import CompareHandlers
from classifier.page.events import (
    DISABLE_BUTTON,
    ENABLE_BUTTON,
    IMMEDIATE,
    queued,
    when_finished,
)
from classifier.page.inputs.layout import Inputs
from classifier.page.markup import note

INVITATION = "Choose models and press Compare to see what each of them predicts."


def build(services: Services, inputs: Inputs, tab: gradio.Tab) -> None:
    """Builds the tab: the models to choose from, and their predictions."""
    handlers = CompareHandlers(services)
    models = gradio.CheckboxGroup(
        handlers.choices(), value=handlers.downloaded(), label="Models", elem_id="compared"
    )
    with gradio.Row():
        start = gradio.Button("Compare", variant="primary", scale=3, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)
    table = gradio.HTML(note(INVITATION), elem_id="comparison")

    tab.select(handlers.update_choices, None, models, **IMMEDIATE)
    start.click(None, None, stop, js=ENABLE_BUTTON)
    done = start.click(
        handlers.table,
        [*inputs.source, models],
        table,
        show_progress="minimal",
        **queued(COMPARE, MAX_COMPARISONS),
    )
    for finished in when_finished(done):
        finished(None, None, stop, js=DISABLE_BUTTON)
        finished(handlers.update_choices, None, models, **IMMEDIATE)
    stop.click(None, None, stop, js=DISABLE_BUTTON, cancels=[done])
