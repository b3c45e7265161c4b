"""
Gradio 6.31: has no hooks for what the classes below change; they override methods of `gr.Blocks`.
Without it: tests/gradio_internals/test_calls.py::test_the_page_uses_these_blocks
Remove when: none of the classes below is needed any more.
"""

from classifier.gradio_internals.api_descriptions import ApiDescriptions
from classifier.gradio_internals.call_files import CallFiles
from classifier.gradio_internals.call_values import CallValues


class Blocks(CallFiles, CallValues, ApiDescriptions):
    """`gr.Blocks` with all changes. They check a call from left to right."""
