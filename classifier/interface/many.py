"""The tab in which a whole pile of pictures is classified."""

from pathlib import Path

import gradio

from classifier.endpoints import Endpoints
from classifier.endpoints.aside import Aside
from classifier.endpoints.many import Many
from classifier.interface.answer import DISABLE, ENABLE
from classifier.interface.question import FETCH, Question, at_end
from classifier.markup import many as markup

SCRIPT = Path(__file__).with_name("many.js")
PILES_AT_ONCE = 8
SAME = "files => files"
EMPTY = "() => ''"
STOPPED = """told => (told ?? "") + '{"stopped":true}\\n'"""


def build(endpoints: Endpoints, aside: Aside, question: Question) -> None:
    """Files to choose, a table that fills, and its CSV."""
    many = Many(endpoints, aside)
    files = gradio.File(
        file_count="multiple", label="Pictures, or a zip of them", height=160, elem_id="files"
    )
    with gradio.Row():
        folder = gradio.UploadButton(
            "Choose a folder", file_count="directory", scale=2, min_width=120
        )
        start = gradio.Button("Start", variant="primary", scale=2, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)
    pile = gradio.HTML(
        "", html_template=markup.pile(), js_on_load=SCRIPT.read_text(), elem_id="pile"
    )

    folder.upload(None, folder, files, js=SAME)
    start.click(None, None, [stop, pile], js=f"() => [({ENABLE})(), '']")
    ready = start.click(
        endpoints.fetch,
        question.model,
        question.facts,
        show_progress_on=pile,
        **FETCH,
    )
    done = ready.success(
        many.lines,
        [files, question.model],
        pile,
        preprocess=False,  # Gradio would write an empty file for each
        show_progress="minimal",
        concurrency_id="pile",
        concurrency_limit=PILES_AT_ONCE,
        api_visibility="private",
    )
    for end in (ready.failure, *at_end(done)):
        end(None, None, stop, js=DISABLE)
    # What is done stays, and its CSV with it.
    for end in (ready.failure, done.failure):
        end(None, pile, pile, js=STOPPED)
    stop.click(
        None,
        pile,
        [stop, pile],
        js=f"told => [({DISABLE})(), ({STOPPED})(told)]",
        cancels=[ready, done],
    )

    gradio.api(
        many.classify_batch,
        api_name="classify_batch",
        concurrency_id="pile",
        concurrency_limit=PILES_AT_ONCE,
    )
