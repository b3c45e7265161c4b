"""An ice lolly with three colours in front of the sky."""

import math

from .. import stage
from ..materials import Surface, wood
from ..shapes import Point, place, rod, sheet


def build() -> None:
    stage.sky("#1f78d6", "#9fd0f5", 0.45, 1.1, 3)
    stage.sun(40, 215, 4.5, size=3)
    ice = Surface(
        roughness=0.25, subsurface_weight=0.35, subsurface_radius=(0.4, 0.2, 0.2), coat_weight=0.4
    )
    height = ice.along("Z", ice.place("Generated"))
    edge = ice.calculate(
        "ADD",
        height,
        ice.calculate("MULTIPLY", ice.calculate("SUBTRACT", ice.noise(3, 4), 0.5), 0.08),
    )
    ice.set(
        base_color=ice.ramp(
            edge, (0.3, "#ff2d4a"), (0.38, "#ff7a1a"), (0.62, "#ff8f1f"), (0.7, "#ffd21f")
        )
    )
    ice.bump(ice.noise(7, 7), 0.35, 0.08)

    def body(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        x, y = _rounded(math.cos(angle), 0.5), _rounded(math.sin(angle), 0.7)
        cap = min(1.0, v / 0.06) ** 0.5 * min(1.0, (1 - v) / 0.22) ** 0.5
        groove = 1 - 0.14 * math.exp(-(((abs(x) - 0.42) / 0.12) ** 2))
        return 0.78 * x * cap**0.8, 0.36 * y * groove * cap**0.6, 0.35 + 2.75 * v

    sheet(body, 96, 80, ice, closed=True)
    stick = wood("#c9995c", "#ecc990", 1.2, "Z")
    place(rod(0.2, 1.5, (0, 0, 0), stick, 0.03), (0, 0, -0.2), (0, 0, 0), (1, 0.35, 1))
    stage.camera((0.5, -7, 0.2), (0, 0, 1.3), 62, 0.1)


def _rounded(value: float, power: float) -> float:
    return math.copysign(abs(value) ** power, value)
