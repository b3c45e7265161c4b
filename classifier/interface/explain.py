"""The tab that shows where the model looked."""

import json

import gradio

from classifier import markup
from classifier.endpoints import Endpoints
from classifier.endpoints.explain import Explain
from classifier.interface.answer import DISABLE, ENABLE
from classifier.interface.question import FETCH, Question, at_end

INVITATION = "Press Explain to see where the model looked for each of its five labels."
SCRIPT = """
element.addEventListener("input", (event) => {
  if (event.target.type === "range")
    event.target.closest(".explanation").style.setProperty("--strength", event.target.value);
});
"""


def build(endpoints: Endpoints, question: Question, concurrency: int) -> None:
    """The heat maps, made when they are asked for: they cost more than an answer."""
    explain = Explain(endpoints)
    with gradio.Row():
        ask = gradio.Button("Explain", scale=3, min_width=160)
        cancel = gradio.Button("Cancel", interactive=False, scale=1, min_width=80)
    view = gradio.HTML(
        markup.note(INVITATION), js_on_load=SCRIPT, elem_id="explanation", container=True
    )
    for changed in question.changes:
        changed(None, None, view, js=f"() => {json.dumps(markup.note(INVITATION))}")

    ask.click(None, None, cancel, js=ENABLE)
    ready = ask.click(
        endpoints.fetch,
        question.model,
        question.facts,
        show_progress_on=view,
        **FETCH,
    )
    limit = {"concurrency_id": "inference", "concurrency_limit": concurrency}
    done = ready.success(
        explain.view, [*question.source, question.model], view, api_visibility="private", **limit
    )
    for end in (ready.failure, *at_end(done)):
        end(None, None, cancel, js=DISABLE)
    cancel.click(None, None, cancel, js=DISABLE, cancels=[ready, done])

    gradio.api(explain.explain, api_name="explain", **limit)
