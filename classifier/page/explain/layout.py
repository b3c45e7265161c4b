"""The tab Explain."""

import json
from pathlib import Path

import gradio

from classifier.endpoints.endpoint import INFERENCE
from classifier.endpoints.services import Services
from classifier.page.events import (
    DISABLE_BUTTON,
    DOWNLOAD,
    ENABLE_BUTTON,
    CurrentResult,
    queued,
    when_finished,
)
from classifier.page.explain.handlers import ExplainHandlers
from classifier.page.inputs.layout import Inputs
from classifier.page.markup import note

INVITATION = "Press Explain to see where the model looked for each of its five labels."
INVITE = f"() => {json.dumps(note(INVITATION))}"


def build(services: Services, inputs: Inputs) -> None:
    """Builds the tab: a picture with its heatmaps."""
    handlers = ExplainHandlers(services)
    with gradio.Row():
        explain = gradio.Button("Explain", scale=3, min_width=160)
        cancel = gradio.Button("Cancel", interactive=False, scale=1, min_width=80)
    view = gradio.HTML(
        note(INVITATION),
        js_on_load=Path(__file__).with_name("strength.js").read_text(),
        elem_id="explanation",
        container=True,
    )
    current = CurrentResult(view, [*inputs.source, inputs.model], INVITE)
    for change in inputs.changes:
        current.discard_if_changed(change)

    explain.click(None, None, cancel, js=ENABLE_BUTTON)
    current.expect(explain.click)
    downloaded = explain.click(
        inputs.handlers.download, inputs.model, inputs.facts, show_progress_on=view, **DOWNLOAD
    )
    done = downloaded.success(
        handlers.view,
        [*inputs.source, inputs.model],
        current.result,
        show_progress_on=view,
        **queued(INFERENCE, services.classifier.capacity),
    )
    for finished in (downloaded.failure, *when_finished(done)):
        finished(None, None, cancel, js=DISABLE_BUTTON)
    cancel.click(None, None, cancel, js=DISABLE_BUTTON, cancels=[downloaded, done])
