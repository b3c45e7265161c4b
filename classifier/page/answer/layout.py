"""The tab Answer, and what the buttons of the left column do to it."""

import json
from pathlib import Path

import gradio

from classifier.endpoints.services import Services
from classifier.gradio_internals.javascript_updates import ENABLE, select_tab
from classifier.jobs.service import JobService
from classifier.page.answer.handlers import AnswerHandlers
from classifier.page.events import (
    BACKGROUND,
    DISABLE_BUTTON,
    IMMEDIATE,
    SAME,
    CurrentResult,
    when_finished,
)
from classifier.page.inputs.layout import Inputs
from classifier.page.markup import note
from classifier.pictures.edits import Edits

INVITATION = "Press Classify to see the five likeliest labels."
INVITATION_EDITED = "Press Classify to see the five likeliest labels of the edited picture."
INVITE = f"""(picture, own, edits) => {{
  const unchanged = {json.dumps(Edits().values())};
  const isEdited = Object.keys(unchanged).some((name) => edits[name] != unchanged[name]);
  return isEdited ? {json.dumps(note(INVITATION_EDITED))} : {json.dumps(note(INVITATION))};
}}"""
JOB_IN_ADDRESS = "() => new URLSearchParams(location.search).get('ticket') ?? ''"
# While the page shows an answer, the address names the answer and not the inputs.
WRITE_JOB = f"""(id) => {{
  const address = new URL(location.href);
  if (!id) address.searchParams.delete("ticket");
  else {{
    for (const name of {json.dumps(["picture", "model", *Edits().values()])})
      address.searchParams.delete(name);
    address.searchParams.set("ticket", id);
  }}
  history.replaceState(history.state, "", address);
}}"""
SHOW_TAB = f"() => [{ENABLE}, {select_tab('answer')}]"


def build(
    page: gradio.Blocks, services: Services, jobs: JobService, inputs: Inputs, tabs: gradio.Tabs
) -> None:
    """Builds the tab."""
    handlers = AnswerHandlers(services, jobs)
    gallery = services.gallery
    classify, cancel = inputs.classify, inputs.cancel
    answer = gradio.HTML(
        note(INVITATION if gallery.names() else gallery.empty_message()),
        js_on_load=Path(__file__).with_name("downloads.js").read_text(),
        elem_id="answer",
        container=True,
    )
    current = CurrentResult(answer, [*inputs.source, inputs.model], INVITE)
    # The IDs of the newest job, of the job whose answer is displayed, and of the job that the
    # address named when the page was opened.
    newest, displayed, reopened = (gradio.Text(visible="hidden") for _ in range(3))
    for change in inputs.changes:
        current.discard_if_changed(change, displayed)

    classify.click(None, None, [cancel, tabs], js=SHOW_TAB)
    current.expect(classify.click)
    # This event only watches the job, which has a place of its own in the queue.
    done = classify.click(
        handlers.submit,
        [*inputs.source, inputs.model],
        [current.result, newest],
        **BACKGROUND,
    )
    for finished in when_finished(done):
        finished(None, None, cancel, js=DISABLE_BUTTON)
        finished(inputs.handlers.update_facts, None, inputs.facts, **IMMEDIATE)
    cancel.click(None, None, cancel, js=DISABLE_BUTTON, cancels=done)
    current.discard(cancel.click, displayed)

    current.pass_on(newest, displayed)
    displayed.change(None, displayed, None, js=WRITE_JOB)
    page.load(None, None, reopened, js=JOB_IN_ADDRESS)
    current.expect(reopened.change)
    reopened.change(handlers.reopen, reopened, current.result, **BACKGROUND)
    reopened.change(None, reopened, displayed, js=SAME)
