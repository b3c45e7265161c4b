"""The tab Edit."""

import json
from pathlib import Path

import gradio

from classifier.endpoints.endpoint import EDIT, MAX_EDITS
from classifier.endpoints.services import Services
from classifier.page.edit import markup
from classifier.page.edit.handlers import EditHandlers
from classifier.page.events import queued, script
from classifier.page.inputs.layout import Inputs
from classifier.pictures.edits import Edits

# Nothing is requested while the tab is not visible.
IF_VISIBLE = """(...source) =>
  document.getElementById("edited")?.checkVisibility() ? source : [null, null, null]"""


def sliders() -> gradio.HTML:
    """Returns the component with the sliders. `build` renders it in its tab."""
    return gradio.HTML(
        Edits().values(),
        html_template=markup.sliders(),
        js_on_load=script(Path(__file__).with_name("sliders.js")),
        elem_id="edits",
        render=False,
    )


def build(services: Services, inputs: Inputs, tab: gradio.Tab) -> None:
    """Builds the tab: the picture before and after, the sliders, and both histograms."""
    view = gradio.HTML(elem_id="edited")
    inputs.edits.render()
    reset = gradio.Button("Reset", size="sm", elem_id="reset")

    reset.click(None, None, inputs.edits, js=f"() => ({json.dumps(Edits().values())})")
    # A single event for all changes: the newest view always arrives last.
    gradio.on(
        [tab.select, *inputs.changes],
        EditHandlers(services).view,
        inputs.source,
        view,
        js=IF_VISIBLE,
        trigger_mode="always_last",
        show_progress="hidden",
        **queued(EDIT, MAX_EDITS),
    )
