"""The left column: a picture, a model, and the buttons."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio

from classifier.endpoints.services import Services
from classifier.gradio_internals.javascript_updates import KEEP
from classifier.page.events import BACKGROUND, IMMEDIATE, SAME, script
from classifier.page.inputs import markup
from classifier.page.inputs.handlers import InputHandlers

# The page opens with a picture that the default model recognises well.
WELCOME = "goldfish.jpg"

# A picture of the gallery is shown without asking the server, so no late response can replace
# a picture that the visitor has chosen in the meantime.
PREVIEW = f"""(name) => name === null ? {KEEP} : {{
  path: name, orig_name: name, url: `previews/${{encodeURIComponent(name)}}`,
}}"""
PREVIEW_AT_START = f"(name, own) => own ? {KEEP} : ({PREVIEW})(name)"
# The checked upload may have been replaced in the meantime.
SHOW_PREVIEW = f"""(checked, own) =>
  checked?.preview && own?.path === checked.path
    ? {{...own, url: `gradio_api/file=${{checked.preview}}`}} : {KEEP}"""
UPLOADED_PATH = "(own) => own.path"
REMOVE_UPLOAD = f"(checking, own, name) => name === null && own?.path === checking ? null : {KEEP}"
# An upload replaces the choice from the gallery. Gradio can report it after a newer choice: then
# the preview shows that choice.
REPLACE_CHOICE = f"(own, name) => own && own.path === name ? {KEEP} : null"
# An upload is no choice of the dropdown, but its name stands there.
NAME_UPLOAD = """(own, name) => {
  const input = document.querySelector("#picture input");
  if (input) input.placeholder = name === null && own ? own.orig_name ?? "" : "";
}"""
CHOOSE_EXISTING = f"""(names, name, own) =>
  names.includes(name) || (name === null && own) ? {KEEP} : names[0] ?? null"""


@dataclass(frozen=True)
class Inputs:
    """The components that make up a request. The edits are displayed in a tab of their own.

    `picture` is the name of a picture in the gallery, or None if the picture is `own`.
    `loaded` is the event after which the gallery is up to date.
    """

    handlers: InputHandlers
    picture: gradio.Dropdown
    own: gradio.Image
    edits: gradio.HTML
    model: gradio.Dropdown
    facts: gradio.HTML
    classify: gradio.Button
    cancel: gradio.Button
    loaded: Any

    @property
    def source(self) -> list[gradio.components.Component]:
        """The components that `edited_picture` needs."""
        return [self.picture, self.own, self.edits]

    @property
    def changes(self) -> list[Any]:
        """The events that change the request.

        `own.change` is not one of them, because it also follows a change of `picture`.
        """
        return [
            self.picture.change,
            self.own.input,
            self.own.clear,
            self.edits.change,
            self.model.change,
        ]


def build(page: gradio.Blocks, services: Services, edits: gradio.HTML) -> Inputs:
    """Builds the left column."""
    handlers = InputHandlers(services)
    names = services.gallery.names()
    default = next(iter(services.classifier.catalogue))
    first = WELCOME if WELCOME in names else next(iter(names), None)

    picture = gradio.Dropdown(names, value=first, label="Picture", elem_id="picture")
    own = gradio.Image(
        label="Preview",
        show_label=False,
        sources=["upload", "webcam", "clipboard"],
        elem_id="preview",
        buttons=["fullscreen"],
    )
    thumbnails = gradio.HTML(
        first,
        html_template="${choices}",
        js_on_load=script(Path(__file__).with_name("thumbnails.js")),
        choices=markup.thumbnails(names),
        elem_id="thumbnails",
    )
    model = gradio.Dropdown(handlers.models(), value=default, label="Model")
    facts = gradio.HTML(
        default, html_template="${facts[value]}", facts=handlers.facts(), elem_id="facts"
    )
    with gradio.Row():
        classify = gradio.Button("Classify", variant="primary", scale=3)
        cancel = gradio.Button("Cancel", interactive=False, scale=1)

    thumbnails.input(None, thumbnails, picture, js=SAME)
    picture.change(None, picture, thumbnails, js=SAME)
    picture.change(None, picture, own, js=PREVIEW)
    own.input(None, [own, picture], picture, js=REPLACE_CHOICE)
    own.clear(None, [own, picture], picture, js=REPLACE_CHOICE)

    for change in (own.change, picture.change):
        change(None, [own, picture], None, js=NAME_UPLOAD)

    checking, checked = gradio.Text(visible="hidden"), gradio.JSON(visible="hidden")
    own.upload(None, own, checking, js=UPLOADED_PATH)
    check = own.upload(
        handlers.check_upload, own, checked, trigger_mode="always_last", **BACKGROUND
    )
    check.success(None, [checked, own], own, js=SHOW_PREVIEW)
    check.failure(None, [checking, own, picture], own, js=REMOVE_UPLOAD)

    model.change(None, model, facts, js=SAME)
    model.change(handlers.choose_model, model, facts, **IMMEDIATE)

    current_names = gradio.JSON(names, visible="hidden")
    page.load(None, [picture, own], own, js=PREVIEW_AT_START)
    page.load(handlers.choose_model, model, facts, **IMMEDIATE)
    loaded = page.load(
        handlers.offer, None, [current_names, picture, thumbnails, model], **IMMEDIATE
    )
    loaded = loaded.then(None, [current_names, picture, own], picture, js=CHOOSE_EXISTING)
    return Inputs(handlers, picture, own, edits, model, facts, classify, cancel, loaded)
