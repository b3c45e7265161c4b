"""The left column of the page: the picture, the model and the buttons."""
