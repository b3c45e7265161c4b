"""The tab that lists the models: what they are, and how they do here."""

from pathlib import Path

import gradio

from classifier.endpoints import Endpoints
from classifier.endpoints.aside import Aside
from classifier.endpoints.models import Models
from classifier.interface.answer import DISABLE, ENABLE
from classifier.interface.question import FETCH, QUICK, Question, at_end

SCRIPT = Path(__file__).with_name("models.js")


def build(endpoints: Endpoints, aside: Aside, question: Question, tab: gradio.Tab) -> None:
    """A table to sort, a plot, and buttons to fetch and to measure."""
    models = Models(endpoints, aside)
    table = gradio.HTML(
        None,
        html_template="${table}",
        js_on_load=SCRIPT.read_text(),
        table=models.table(),
        elem_id="models",
    )
    with gradio.Row():
        measure = gradio.Button("Measure", scale=3, min_width=80)
        stop = gradio.Button("Stop", interactive=False, scale=1, min_width=80)

    tab.select(models.show, None, table, **QUICK)
    measure.click(None, None, stop, js=ENABLE)
    measured = measure.click(
        models.measure,
        None,
        table,
        show_progress="minimal",
        concurrency_id="measure",
        concurrency_limit=1,  # they would disturb each other
        api_visibility="private",
    )
    table.input(None, None, stop, js=ENABLE)
    fetched = table.input(models.fetch, table, table, **FETCH)
    for end in (*at_end(measured), *at_end(fetched)):
        end(None, None, stop, js=DISABLE)
    # The line at the left may be about the model that is here now.
    fetched.success(endpoints.facts, question.model, question.facts, **QUICK)
    stop.click(None, None, stop, js=DISABLE, cancels=[measured, fetched])

    gradio.api(models.models, api_name="models", queue=False)
