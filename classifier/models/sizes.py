"""What a model is good for, as far as its size tells."""

SMALL = 8_000_000  # parameters
LARGE = 50_000_000
MANY_LABELS = 2000


def describe(parameters: int, labels: int) -> str:
    """Returns a sentence about a model that nobody has described by hand."""
    if parameters < SMALL:
        text = "Small and fast, also without a GPU."
    elif parameters < LARGE:
        text = "Of medium size: slower than the small ones, and usually more accurate."
    else:
        text = "Large: slow without a GPU."
    return f"{text} It tells {labels:,} kinds of things apart." if labels > MANY_LABELS else text
