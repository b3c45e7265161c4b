"""
Gradio 6.31: JavaScript of an event can return `__type__: "update"`, as Python's `gradio.update`.
Without it: tests/gradio_internals/test_page.py::test_javascript_can_update_or_keep_a_component
Remove when: Gradio documents how JavaScript leaves a component unchanged.
"""

# JavaScript expressions for the `js` of an event.
KEEP = '({__type__: "update"})'  # leaves the component as it is
ENABLE = '({__type__: "update", interactive: true})'
DISABLE = '({__type__: "update", interactive: false})'


def select_tab(id: str) -> str:
    """Returns the expression that selects a tab."""
    return f'({{__type__: "update", selected: "{id}"}})'
