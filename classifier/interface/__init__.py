"""The page and its endpoints: layout, no logic."""

from pathlib import Path
from typing import Any

import gradio

from classifier import line, markup
from classifier.blocks import Blocks
from classifier.endpoints import Endpoints, told
from classifier.endpoints.aside import Aside
from classifier.interface import answer, compare, edit, explain, link, many, models
from classifier.interface.picture import Picture
from classifier.interface.question import ASIDE, QUICK, Question
from classifier.queueing import INFERENCE
from classifier.tickets import Tickets

CSS = Path(__file__).parent.with_name("page.css")
THEME = gradio.themes.Default(
    primary_hue="indigo",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),  # the system's own: nothing is loaded from elsewhere
    font_mono=("ui-monospace", "monospace"),
)

# The component's value is the name of the picked picture; arrow keys are the browser's own.
THUMBNAILS_SCRIPT = """
const show = () => {
  const choice = element.querySelector(`input[value="${CSS.escape(props.value ?? "")}"]`);
  const last = element.querySelector("input:checked");
  if (!choice && last) last.checked = false;
  if (!choice) return;
  choice.checked = true;
  const strip = choice.closest(".thumbnails");
  strip.scrollLeft = choice.parentElement.offsetLeft - strip.clientWidth / 2;
};
element.addEventListener("change", (event) => {
  props.value = event.target.value;
  trigger("input");
});
watch(["value", "choices"], show);
show();
"""
# The first click had better show what a model can do; how it fails comes soon enough.
WELCOME = "goldfish.jpg"
SAME = "name => name"
NONE = "() => null"


def build(endpoints: Endpoints, concurrency: int, tickets: Tickets) -> Blocks:
    """The page. At most `concurrency` classifications run at once, whoever asks."""
    aside = Aside(endpoints.classifier, concurrency)
    page = Blocks(title="Image classifier", analytics_enabled=False)
    with page:
        gradio.Markdown("# Image classifier", elem_id="title")
        notice = gradio.HTML(visible=False, elem_id="notice")
        with gradio.Row():
            with gradio.Column():
                question, settled = _ask(page, endpoints)
            with gradio.Column(), gradio.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
                with gradio.Tab("Answer", id="answer"):
                    answer.build(endpoints, tickets, question, tabs, page, concurrency)
                with gradio.Tab("Edit", id="edit") as tab:
                    edit.build(endpoints, question, tab)
                with gradio.Tab("Explain", id="explain"):
                    explain.build(endpoints, question, concurrency)
                with gradio.Tab("Compare", id="compare") as tab:
                    compare.build(endpoints, aside, question, tab)
                with gradio.Tab("Many", id="many"):
                    many.build(endpoints, aside, question)
                with gradio.Tab("Models", id="models") as tab:
                    models.build(endpoints, aside, question, tab)

        link.build(endpoints, question, notice, settled)
        gradio.api(endpoints.info, api_name="info", queue=False)
        gradio.api(
            tickets.run,
            api_name=line.NAME,
            concurrency_id=INFERENCE,
            concurrency_limit=concurrency,
            api_visibility="private",
        )
    return page


def _ask(page: Blocks, endpoints: Endpoints) -> tuple[Question, gradio.events.Dependency]:
    """The left column: a picture, a model, and the buttons; and when it has settled."""
    gallery = endpoints.classifier.gallery
    names = gallery.names()
    models = list(endpoints.classifier.catalog)
    described = endpoints.describe(models[0])
    first = WELCOME if WELCOME in names else next(iter(names), None)

    @told
    async def refresh(name: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Pictures may have come and gone since the server started.

        What stands in the page is touched only where it must be: its reader may have
        chosen something else by the time that this arrives.
        """
        now = gallery.names()
        if now == names:
            return gradio.skip(), gradio.skip()
        own = name is None and names  # takes the place of any of ours
        changed = {} if own or name in now else {"value": next(iter(now), None)}
        return (
            gradio.update(choices=now, **changed),
            gradio.update(choices=markup.thumbnails(now), **changed),
        )

    @told
    async def settle(name: str) -> Any:
        """The line about the model; it stands already, unless the model was fetched since."""
        now = await endpoints.facts(name)
        return gradio.skip() if now == described or name != models[0] else now

    picture = gradio.Dropdown(names, value=first, label="Picture")
    own = Picture(
        first and str(gallery.path(first)),
        label="Preview",
        show_label=False,
        sources=["upload", "webcam", "clipboard"],
        elem_id="preview",
        buttons=["fullscreen"],
    )
    thumbnails = gradio.HTML(
        first,
        html_template="${choices}",
        js_on_load=THUMBNAILS_SCRIPT,
        choices=markup.thumbnails(names),
        elem_id="thumbnails",
    )
    model = gradio.Dropdown(models, value=models[0], label="Model")
    facts = gradio.HTML(described, elem_id="facts")
    with gradio.Row():
        classify = gradio.Button("Classify", variant="primary", scale=3)
        cancel = gradio.Button("Cancel", interactive=False, scale=1)

    thumbnails.input(None, thumbnails, picture, js=SAME)
    picture.change(None, picture, thumbnails, js=SAME)
    picture.change(endpoints.preview, picture, own, **QUICK)
    # One's own picture takes the place of the one that was picked.
    own.input(None, None, picture, js=NONE)
    own.clear(None, None, picture, js=NONE)
    given = own.upload(endpoints.given, own, own, **ASIDE)
    given.failure(None, None, own, js=NONE)
    model.change(endpoints.facts, model, facts, **QUICK)
    settled = page.load(refresh, picture, [picture, thumbnails], **QUICK)
    page.load(settle, model, facts, **QUICK)
    return Question(picture, own, edit.controls(), model, facts, classify, cancel), settled
