"""The endpoints that programs can call: one module for each capability, without any HTML."""

import gradio

from classifier.endpoints import classify, classify_batch, compare, edit, explain, offer
from classifier.endpoints.services import Services


def register(services: Services) -> None:
    """Registers all endpoints with the page that is being built."""
    for capability in (classify, classify_batch, compare, edit, explain, offer):
        for endpoint in capability.endpoints(services):
            gradio.api(endpoint.function, api_name=endpoint.name, **endpoint.queueing)
