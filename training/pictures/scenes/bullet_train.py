"""A white bullet train, seen from the front."""

import math

from .. import stage
from ..materials import Surface, plain
from ..roads import DARK_GLASS, railway
from ..shapes import Point, ball, box, sheet


def build() -> None:
    stage.sky("#4a86cc", "#d8e8f5", 0.5, 1.0, 3)
    stage.sun(42, 230, 4.2)
    railway()
    paint = Surface(roughness=0.14, coat_weight=0.6)
    place_ = paint.place()
    height, along = paint.along("Z", place_), paint.along("X", place_)
    band = paint.ramp(
        paint.calculate("MULTIPLY", height, 0.25),
        (0.34, "#f4f5f6"),
        (0.345, "#1a4aa8"),
        (0.445, "#1a4aa8"),
        (0.45, "#f4f5f6"),
    )
    windows = paint.ramp(
        paint.calculate("MULTIPLY", height, 0.25),
        (0.5, "#000000"),
        (0.503, "#ffffff"),
        (0.66, "#ffffff"),
        (0.663, "#000000"),
    )
    behind = paint.calculate("GREATER_THAN", along, 1.5)
    spaced = paint.calculate(
        "LESS_THAN", paint.calculate("FRACT", paint.calculate("MULTIPLY", along, 0.55)), 0.72
    )
    holes = paint.calculate("MULTIPLY", paint.calculate("MULTIPLY", behind, spaced), windows)
    screen = paint.calculate(
        "MULTIPLY",
        paint.calculate("GREATER_THAN", height, 2.35),
        paint.calculate(
            "LESS_THAN", paint.calculate("ABSOLUTE", paint.calculate("ADD", along, 2.1)), 0.72
        ),
    )
    paint.set(base_color=paint.blend(paint.calculate("MAXIMUM", holes, screen), band, DARK_GLASS))

    def hull(u: float, v: float) -> Point:
        x = -7.5 + 7.5 * v / 0.45 if v < 0.45 else 40 * (v - 0.45) / 0.55
        nose = min(1.0, (x + 7.5) / 7.5)
        tall = 0.55 + 2.95 * math.sin(nose * math.pi / 2) ** 1.25
        wide = 1.65 * (1 - (1 - nose) ** 2.4) ** 0.55
        angle = math.pi * u
        y = -math.copysign(abs(math.cos(angle)) ** 0.55, math.cos(angle)) * wide
        return x, y, 0.75 + (tall - 0.2) * math.sin(angle) ** 0.62

    sheet(hull, 96, 160, paint)
    skirt = plain("#3a3f45", 0.5)
    box((44, 2.7, 0.7), (17, 0, 0.65), skirt, 0.1)
    ball(1.3, (-4.8, 0, 0.65), skirt, (2.0, 1.0, 0.28))
    lamp = Surface("#ffffff", 0.1, emission_color="#fff6e0", emission_strength=5)
    for y in (-1, 1):
        ball(0.16, (-5.8, 0.83 * y, 1.52), lamp, (2.2, 0.8, 0.7), (0, -28, -22 * y))
    stage.camera((-13.2, -6.6, 2.1), (-2.0, 0.3, 1.75), 40)
