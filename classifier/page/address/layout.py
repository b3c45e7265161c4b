"""Keeps the address of the page and the inputs consistent."""

import json

import gradio

from classifier.endpoints.services import Services
from classifier.gradio_internals.javascript_updates import KEEP
from classifier.page.address.handlers import AddressHandlers
from classifier.page.events import IMMEDIATE
from classifier.page.inputs.layout import Inputs
from classifier.pictures.edits import Edits

# Other parameters of the address, for example Gradio's own __theme, stay. An uploaded picture
# has no address.
WRITE = f"""(picture, model, edits) => {{
  const address = new URL(location.href);
  const unchanged = {json.dumps(Edits().values())};
  const values = {{picture, model}};
  for (const name in unchanged)
    values[name] = edits?.[name] == unchanged[name] ? null : edits?.[name];
  for (const [name, value] of Object.entries(values)) {{
    if (value == null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }}
  history.replaceState(history.state, "", address);
}}"""

# What the visitor has changed since the page opened stays as it is.
APPLY = f"""(asked, atStart, ...now) => ["picture", "model", "edits"].map((name, place) => {{
  const isUnchanged = JSON.stringify(now[place]) === JSON.stringify(atStart[name]);
  return asked?.[name] != null && isUnchanged ? asked[name] : {KEEP};
}})"""
# The address is read when the page opens: a choice of the visitor changes it.
READ = """(picture, model, edits) =>
  [Object.fromEntries(new URLSearchParams(location.search)), {picture, model, edits}]"""


def build(page: gradio.Blocks, services: Services, inputs: Inputs, notice: gradio.HTML) -> None:
    """Applies the address when the page has loaded, and updates it after each change.

    Problems with the address are displayed in the notice.
    """
    components = [inputs.picture, inputs.model, inputs.edits]
    address, at_start, asked = (gradio.JSON(visible="hidden") for _ in range(3))
    page.load(None, components, [address, at_start], js=READ)
    read = inputs.loaded.then(AddressHandlers(services).read, address, [asked, notice], **IMMEDIATE)
    read.then(None, [asked, at_start, *components], components, js=APPLY)
    for component in components:
        component.change(None, components, None, js=WRITE)
