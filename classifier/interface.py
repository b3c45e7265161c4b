"""The page and its endpoints: layout, no logic."""

import json
from pathlib import Path
from typing import Any

import gradio

from classifier import line, markup
from classifier.blocks import Blocks
from classifier.desk import Desk
from classifier.endpoints import Endpoints, told
from classifier.queueing import INFERENCE
from classifier.tickets import Tickets

CSS = Path(__file__).with_name("page.css")
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
INVITATION = "Press Classify to see the five likeliest labels."
SAME = "name => name"
ENABLE = "() => ({__type__: 'update', interactive: true})"
DISABLE = "() => ({__type__: 'update', interactive: false})"
STOP = f"() => [({DISABLE})(), {json.dumps(markup.note(INVITATION))}]"
# The address of the page names the answer that stands in it.
NAMED = "() => new URLSearchParams(location.search).get('ticket') ?? ''"
NAME = """ticket => {
  const address = new URL(location);
  if (ticket) address.searchParams.set("ticket", ticket);
  else address.searchParams.delete("ticket");
  history.replaceState(history.state, "", address);
}"""


def build(endpoints: Endpoints, concurrency: int, tickets: Tickets) -> Blocks:
    """The page. At most `concurrency` classifications run at once, whoever asks."""
    gallery = endpoints.classifier.gallery
    names = gallery.names()
    models = list(endpoints.classifier.catalog)
    first = names[0] if names else None

    @told
    async def refresh(name: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Pictures may have come and gone since the server started.

        What stands in the page is touched only where it must be: its reader may have
        chosen something else by the time that this arrives.
        """
        now = gallery.names()
        if now == names:
            return gradio.skip(), gradio.skip()
        changed = {} if name in now else {"value": next(iter(now), None)}
        return (
            gradio.update(choices=now, **changed),
            gradio.update(choices=markup.thumbnails(now), **changed),
        )

    page = Blocks(title="Image classifier", analytics_enabled=False)
    with page:
        gradio.Markdown("# Image classifier", elem_id="title")
        with gradio.Row():
            with gradio.Column():
                picture = gradio.Dropdown(names, value=first, label="Picture")
                preview = gradio.Image(
                    first and str(gallery.path(first)),
                    type="filepath",
                    label="Preview",
                    show_label=False,
                    interactive=False,
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
                facts = gradio.HTML(endpoints.describe(models[0]), elem_id="facts")
                with gradio.Row():
                    classify = gradio.Button("Classify", variant="primary", scale=3)
                    cancel = gradio.Button("Cancel", interactive=False, scale=1)
            with gradio.Column():
                answer = gradio.HTML(
                    markup.note(INVITATION if names else gallery.emptiness()),
                    elem_id="answer",
                    container=True,
                )
                # The tickets of the answer that was asked for here, and of one that is reopened.
                ticket, reopened = gradio.Text(visible="hidden"), gradio.Text(visible="hidden")

        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        thumbnails.input(None, thumbnails, picture, js=SAME)
        picture.change(None, picture, thumbnails, js=SAME)
        picture.change(endpoints.preview, picture, preview, **quick)
        model.change(endpoints.facts, model, facts, **quick)
        for choice in (picture, model):
            # An answer does not stand beside a question that it does not answer.
            choice.change(
                None,
                None,
                [answer, ticket],
                js=f"() => [{json.dumps(markup.note(INVITATION))}, '']",
            )
        page.load(refresh, picture, [picture, thumbnails], **quick)
        page.load(endpoints.facts, model, facts, **quick)

        desk = Desk(endpoints, tickets)
        # Unlimited: they only look on. The job itself has its place in the queue.
        follow = {
            "show_progress": "hidden",
            "concurrency_id": "follow",
            "concurrency_limit": None,
            "api_visibility": "private",
        }
        classify.click(None, None, cancel, js=ENABLE)
        done = classify.click(desk.ask, [picture, model], [answer, ticket], **follow)
        done.then(None, None, cancel, js=DISABLE)
        done.then(endpoints.facts, model, facts, **quick)
        cancel.click(None, None, [cancel, answer], js=STOP, cancels=done)
        ticket.change(None, ticket, None, js=NAME)
        page.load(None, None, reopened, js=NAMED)
        reopened.change(desk.reopen, reopened, answer, **follow)

        gradio.api(
            endpoints.remembered(endpoints.classify),
            api_name="classify",
            concurrency_id=INFERENCE,
            concurrency_limit=concurrency,
        )
        gradio.api(endpoints.info, api_name="info", queue=False)
        gradio.api(
            tickets.run,
            api_name=line.NAME,
            concurrency_id=INFERENCE,
            concurrency_limit=concurrency,
            api_visibility="private",
        )
    return page
