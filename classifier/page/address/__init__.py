"""The address of the page, which names the picture, the model and the edits."""
