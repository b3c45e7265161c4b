"""The first tab: the five likeliest labels."""

import json
from pathlib import Path

import gradio

from classifier import markup
from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.interface.question import Question
from classifier.queueing import INFERENCE

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
SHOW = "() => ({__type__: 'update', selected: 'answer'})"


def build(endpoints: Endpoints, question: Question, tabs: gradio.Tabs, concurrency: int) -> None:
    """The answer, and what the buttons of the left column do to it."""
    gallery = endpoints.classifier.gallery
    classify, cancel = question.classify, question.cancel
    answer = gradio.HTML(
        markup.note(INVITATION if gallery.names() else gallery.emptiness()),
        js_on_load=SCRIPT.read_text(),
        elem_id="answer",
        container=True,
    )
    for changed in question.changes:
        # An answer does not stand beside a question that it does not answer.
        changed(None, question.edits, answer, js=INVITE)

    classify.click(None, None, [cancel, tabs], js=f"() => [({ENABLE})(), ({SHOW})()]")
    ready = classify.click(
        endpoints.fetch,
        question.model,
        question.facts,
        show_progress_on=answer,
        # Unlimited: someone who waits for a download holds up no one with a model at hand.
        concurrency_id="fetch",
        concurrency_limit=None,
        api_visibility="private",
    )
    done = ready.success(
        endpoints.remembered(endpoints.answer),
        [*question.source, question.model],
        answer,
        concurrency_id=INFERENCE,
        concurrency_limit=concurrency,
        api_visibility="private",
    )
    for end in (ready.failure, done.then):
        end(None, None, cancel, js=DISABLE)
    cancel.click(None, None, cancel, js=DISABLE, cancels=[ready, done])

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
