"""The tab Models."""

from pathlib import Path

import gradio

from classifier.endpoints.services import Services
from classifier.page.events import (
    DISABLE_BUTTON,
    DOWNLOAD,
    ENABLE_BUTTON,
    IMMEDIATE,
    queued,
    script,
    when_finished,
)
from classifier.page.inputs.layout import Inputs
from classifier.page.models.handlers import ModelsHandlers


def build(services: Services, inputs: Inputs, tab: gradio.Tab) -> None:
    """Builds the tab: a table to sort, a plot, and buttons to download and to measure."""
    handlers = ModelsHandlers(services, inputs.handlers)
    table = gradio.HTML(
        None,
        html_template="${table}",
        js_on_load=script(Path(__file__).with_name("table.js")),
        table=handlers.table(),
        elem_id="models",
    )
    with gradio.Row():
        measure = gradio.Button("Measure", scale=3, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)

    tab.select(handlers.update, None, table, **IMMEDIATE)
    measure.click(None, None, stop, js=ENABLE_BUTTON)
    measured = measure.click(
        handlers.measure,
        None,
        table,
        show_progress="minimal",
        **queued("measure", 1),  # measurements would disturb each other
    )
    table.input(None, None, stop, js=ENABLE_BUTTON)
    # "multiple": a second download can start while the first one is running.
    downloaded = table.input(handlers.download, table, table, trigger_mode="multiple", **DOWNLOAD)
    for finished in (*when_finished(measured), *when_finished(downloaded)):
        finished(None, None, stop, js=DISABLE_BUTTON)
    downloaded.success(inputs.handlers.update_facts, None, inputs.facts, **IMMEDIATE)
    stop.click(None, None, stop, js=DISABLE_BUTTON, cancels=[measured, downloaded])
