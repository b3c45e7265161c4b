"""The first tab: the five likeliest labels."""

import json
from pathlib import Path

import gradio

from classifier import markup
from classifier.desk import Desk
from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.interface.question import ASIDE, QUICK, Question, at_end
from classifier.queueing import INFERENCE
from classifier.tickets import Tickets

SCRIPT = Path(__file__).with_name("downloads.js")
INVITATION = "Press Classify to see the five likeliest labels."
EDITED = "Press Classify to see the five likeliest labels of the edited picture."
INVITE = f"""(edits) => {{
  const unchanged = {json.dumps(Edits().values())};
  const edited = Object.keys(unchanged).some((name) => edits[name] != unchanged[name]);
  return edited ? {json.dumps(markup.note(EDITED))} : {json.dumps(markup.note(INVITATION))};
}}"""
ENABLE = "() => ({__type__: 'update', interactive: true})"
DISABLE = "() => ({__type__: 'update', interactive: false})"
NOTHING = "() => ''"
SAME = "ticket => ticket"
# While an answer stands in the page, the address names it, and not what may be asked next.
NAMED = "() => new URLSearchParams(location.search).get('ticket') ?? ''"
NAME = f"""(ticket) => {{
  const address = new URL(location.href);
  if (!ticket) address.searchParams.delete("ticket");
  else {{
    for (const name of {json.dumps(["picture", "model", *Edits().values()])})
      address.searchParams.delete(name);
    address.searchParams.set("ticket", ticket);
  }}
  history.replaceState(history.state, "", address);
}}"""
SHOW = "() => ({__type__: 'update', selected: 'answer'})"


def build(
    endpoints: Endpoints,
    tickets: Tickets,
    question: Question,
    tabs: gradio.Tabs,
    page: gradio.Blocks,
    concurrency: int,
) -> None:
    """The answer, and what the buttons of the left column do to it."""
    gallery = endpoints.classifier.gallery
    classify, cancel = question.classify, question.cancel
    answer = gradio.HTML(
        markup.note(INVITATION if gallery.names() else gallery.emptiness()),
        js_on_load=SCRIPT.read_text(),
        elem_id="answer",
        container=True,
    )
    # The tickets of the answer that was asked for here, and of one that is reopened.
    ticket, reopened = gradio.Text(visible="hidden"), gradio.Text(visible="hidden")
    for changed in question.changes:
        # An answer does not stand beside a question that it does not answer.
        changed(None, question.edits, answer, js=INVITE)
        changed(None, None, ticket, js=NOTHING)

    classify.click(None, None, [cancel, tabs], js=f"() => [({ENABLE})(), ({SHOW})()]")
    # These only look on: the job itself has its place in the queue.
    desk = Desk(endpoints, tickets)
    done = classify.click(desk.ask, [*question.source, question.model], [answer, ticket], **ASIDE)
    for end in at_end(done):
        end(None, None, cancel, js=DISABLE)
        end(endpoints.facts, question.model, question.facts, **QUICK)
    cancel.click(None, None, cancel, js=DISABLE, cancels=done)
    cancel.click(None, question.edits, answer, js=INVITE)
    cancel.click(None, None, ticket, js=NOTHING)
    ticket.change(None, ticket, None, js=NAME)
    page.load(None, None, reopened, js=NAMED)
    reopened.change(desk.reopen, reopened, answer, **ASIDE)
    reopened.change(None, reopened, ticket, js=SAME)

    gradio.api(
        endpoints.remembered(endpoints.classify),
        api_name="classify",
        concurrency_id=INFERENCE,
        concurrency_limit=concurrency,
    )
    gradio.api(
        endpoints.classify_upload,
        api_name="classify_upload",
        concurrency_id=INFERENCE,
        concurrency_limit=concurrency,
    )
