"""The tab in which a picture is changed before it is classified."""

import gradio

from classifier import markup
from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.interface.question import Question

# The component's value are the edits by name; moving a slider to and fro asks nobody,
# letting go of it does.
SCRIPT = """
const controls = () => [...element.querySelectorAll("input, select")];
const read = () => Object.fromEntries(controls().map((control) =>
  [control.name, control.type === "range" ? Number(control.value) : control.value]));
const show = () => controls().forEach((control) => {
  control.value = props.value[control.name];
  write(control);
});
const write = (control) => {
  const output = control.parentElement.querySelector("output");
  if (output) output.textContent = control.value + (control.dataset.unit ?? "");
};
element.addEventListener("input", (event) => write(event.target));
element.addEventListener("change", () => {
  props.value = read();
  trigger("input");
});
watch("value", show);
show();
"""


def controls() -> gradio.HTML:
    """The sliders, to be rendered in their tab."""
    return gradio.HTML(
        Edits().values(),
        html_template=markup.edits(),
        js_on_load=SCRIPT,
        elem_id="edits",
        render=False,
    )


def build(endpoints: Endpoints, question: Question, concurrency: int) -> None:
    """The sliders, and what they do to the picture."""
    question.edits.render()
