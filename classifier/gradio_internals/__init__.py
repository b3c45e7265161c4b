"""Everything in this project that relies on what Gradio does not promise.

Each module has a head of three lines: what Gradio does, which test fails without the module,
and when the module can be removed. `make test-gradio GRADIO=VERSION` runs those tests against
another version of Gradio. The rest of the project uses only Gradio's documented interface.
"""
