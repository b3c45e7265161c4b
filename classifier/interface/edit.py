"""The tab in which a picture is changed before it is looked at."""

import json
from typing import Any

import gradio

from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.endpoints.edit import EDITS_AT_ONCE, Edit
from classifier.interface.question import Question
from classifier.markup import edit as markup

# The component's value are the edits by name. While a slider moves nobody is asked; once it
# is let go of, the server is.
SCRIPT = """
const controls = () => [...element.querySelectorAll("input, select")];
const write = (control) => {
  const output = control.parentElement.querySelector("output");
  if (output) output.textContent = control.value + (control.dataset.unit ?? "");
};
const show = () => controls().forEach((control) => {
  if (control.value != props.value[control.name]) control.value = props.value[control.name];
  write(control);
});
element.addEventListener("input", (event) => write(event.target));
element.addEventListener("change", () => {
  props.value = Object.fromEntries(controls().map((control) =>
    [control.name, control.type === "range" ? Number(control.value) : control.value]));
  trigger("change");
});
watch("value", show);
show();
"""
# Nothing is asked for what nobody sees.
IF_SEEN = """(...source) =>
  document.getElementById("edited")?.checkVisibility() ? source : [null, null, null]"""


def controls() -> gradio.HTML:
    """The sliders, to be rendered in their tab."""
    return gradio.HTML(
        Edits().values(),
        html_template=markup.controls(),
        js_on_load=SCRIPT,
        elem_id="edits",
        render=False,
    )


def build(endpoints: Endpoints, question: Question, tab: gradio.Tab) -> None:
    """The picture before and after, what changes it, and the histograms of both."""
    edit = Edit(endpoints)
    view = gradio.HTML(elem_id="edited")
    question.edits.render()
    reset = gradio.Button("Reset", size="sm", elem_id="reset")

    reset.click(None, None, question.edits, js=f"() => ({json.dumps(Edits().values())})")
    limit: dict[str, Any] = {"concurrency_id": "edits", "concurrency_limit": EDITS_AT_ONCE}
    # One event for all, so that of two views the later one stays.
    gradio.on(
        [tab.select, *question.changes],
        edit.view,
        question.source,
        view,
        js=IF_SEEN,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        **limit,
    )

    gradio.api(edit.transform, api_name="transform", **limit)
    gradio.api(edit.histogram, api_name="histogram", **limit)
