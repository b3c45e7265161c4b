"""The tab Many as HTML."""


def table() -> str:
    """Returns the empty table of a batch; table.js fills it."""
    return (
        "<p class='note' data-part='invitation'>Choose pictures, a folder or a zip archive, and "
        "press Start. The model on the left classifies each picture.</p>"
        "<div class='batch' data-part='batch' hidden>"
        "<p class='state' data-part='state' role='status'></p>"
        "<progress data-part='bar' value='0' max='1' aria-label='Pictures done'></progress>"
        "<ul class='counts' data-part='counts' aria-label='First labels'></ul>"
        "<div class='rows' data-part='table' tabindex='0'><table>"
        "<caption>The likeliest label of each picture</caption><thead><tr><th scope='col'></th>"
        "<th scope='col'>Picture</th><th scope='col'>Label</th>"
        "<th scope='col'>Probability</th></tr></thead>"
        "<tbody data-part='rows'></tbody></table></div>"
        "<button type='button' data-part='csv'>Download CSV</button></div>"
    )
