"""The tab Many."""

from pathlib import Path

import gradio

from classifier.endpoints.endpoint import BATCH, MAX_BATCHES
from classifier.endpoints.services import Services
from classifier.gradio_internals.javascript_updates import DISABLE, ENABLE
from classifier.page.events import DISABLE_BUTTON, DOWNLOAD, SAME, queued, when_finished
from classifier.page.inputs.layout import Inputs
from classifier.page.many import markup
from classifier.page.many.handlers import ManyHandlers

ADD_STOPPED = """text => (text ?? "") + '{"stopped":true}\\n'"""


def build(services: Services, inputs: Inputs) -> None:
    """Builds the tab: files to choose, a table that fills, and its CSV."""
    handlers = ManyHandlers(services)
    files = gradio.File(
        file_count="multiple", label="Pictures, or a zip of them", height=160, elem_id="files"
    )
    with gradio.Row():
        folder = gradio.UploadButton(
            "Choose a folder", file_count="directory", scale=2, min_width=120
        )
        start = gradio.Button("Start", variant="primary", scale=2, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)
    table = gradio.HTML(
        "",
        html_template=markup.table(),
        js_on_load=Path(__file__).with_name("table.js").read_text(),
        elem_id="batch",
    )

    folder.upload(None, folder, files, js=SAME)
    start.click(None, None, [stop, table], js=f"() => [{ENABLE}, '']")
    downloaded = start.click(
        inputs.handlers.download, inputs.model, inputs.facts, show_progress_on=table, **DOWNLOAD
    )
    done = downloaded.success(
        handlers.lines,
        [files, inputs.model],
        table,
        show_progress="minimal",
        **queued(BATCH, MAX_BATCHES),
    )
    for finished in (downloaded.failure, *when_finished(done)):
        finished(None, None, stop, js=DISABLE_BUTTON)
    # Rows that are done stay, and so does their CSV.
    for failed in (downloaded.failure, done.failure):
        failed(None, table, table, js=ADD_STOPPED)
    stop.click(
        None,
        table,
        [stop, table],
        js=f"text => [{DISABLE}, ({ADD_STOPPED})(text)]",
        cancels=[downloaded, done],
    )
