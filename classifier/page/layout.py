"""The layout of the whole page."""

from pathlib import Path

import gradio

from classifier import endpoints
from classifier.endpoints.endpoint import INFERENCE, limit
from classifier.endpoints.services import Services
from classifier.gradio_internals.blocks import Blocks
from classifier.jobs.service import JobService
from classifier.page.address import layout as address
from classifier.page.answer import layout as answer
from classifier.page.compare import layout as compare
from classifier.page.edit import layout as edit
from classifier.page.explain import layout as explain
from classifier.page.inputs import layout as inputs
from classifier.page.many import layout as many
from classifier.page.models import layout as models

RUN_JOB = "run_job"  # the private endpoint that the queue calls for a job
# On phones, Gradio hides "Use via API", but not the dot behind it. Its own file of styles does not
# reach that part of the page.
HEAD = "<style>@media (max-width: 640px) { footer .divider { display: none } }</style>"
CSS = Path(__file__).with_name("page.css")
THEME = gradio.themes.Default(
    primary_hue="indigo",
    neutral_hue="slate",
    font=("system-ui", "sans-serif"),  # fonts of the system: nothing is loaded from elsewhere
    font_mono=("ui-monospace", "monospace"),
)


def build(services: Services, jobs: JobService) -> Blocks:
    """Builds the page, and registers the endpoints with it."""
    page = Blocks(title="Image classifier", analytics_enabled=False)
    with page:
        gradio.Markdown("# Image classifier", elem_id="title")
        notice = gradio.HTML(visible=False, elem_id="notice")
        with gradio.Row():
            with gradio.Column():
                chosen = inputs.build(page, services, edit.sliders())
            with gradio.Column(), gradio.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
                with gradio.Tab("Answer", id="answer"):
                    answer.build(page, services, jobs, chosen, tabs)
                with gradio.Tab("Edit", id="edit") as tab:
                    edit.build(services, chosen, tab)
                with gradio.Tab("Explain", id="explain"):
                    explain.build(services, chosen)
                with gradio.Tab("Compare", id="compare") as tab:
                    compare.build(services, chosen, tab)
                with gradio.Tab("Many", id="many"):
                    many.build(services, chosen)
                with gradio.Tab("Models", id="models") as tab:
                    models.build(services, chosen, tab)
        address.build(page, services, chosen, notice)
        endpoints.register(services)
        gradio.api(
            jobs.run,
            api_name=RUN_JOB,
            api_visibility="private",
            **limit(INFERENCE, services.classifier.capacity),
        )
    return page
