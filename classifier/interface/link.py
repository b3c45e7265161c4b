"""The address bar: it names what the page asks about, and is followed when the page opens."""

import json

import gradio

from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.endpoints.link import Link
from classifier.interface.question import QUICK, Question

# Whatever else the address says, as Gradio's own __theme, is kept. A picture of one's own
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


def build(
    endpoints: Endpoints,
    question: Question,
    notice: gradio.HTML,
    settled: gradio.events.Dependency,
) -> None:
    """Keeps the address and the page together, once the page has settled.

    What is wrong with the address is said in the notice.
    """
    asked = [question.picture, question.model, question.edits]
    settled.then(Link(endpoints).follow, None, [*asked, notice], **QUICK)
    for choice in asked:
        choice.change(None, asked, None, js=WRITE)
