"""The tab for many pictures, as HTML."""


def pile() -> str:
    """What a pile of pictures is shown in; a script fills it."""
    return (
        "<p class='note' data-part='invitation'>Choose pictures, a folder or a zip, and press "
        "Start: each gets a row here, by the model at the left.</p>"
        "<div class='pile' data-part='pile' hidden>"
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
