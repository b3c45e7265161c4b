"""Conversion of sRGB hex colours to the linear colours that the renderer expects."""

Colour = tuple[float, float, float, float]


def rgb(code: str) -> Colour:
    """Returns linear red, green, blue and an alpha of 1 for a code such as "#e07a1f"."""
    digits = code.removeprefix("#")
    red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return _linear(red), _linear(green), _linear(blue), 1.0


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
