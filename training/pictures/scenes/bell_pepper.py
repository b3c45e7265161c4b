"""A red pepper in front of a yellow and a green one."""

import math

from .. import stage
from ..curves import trace, tube
from ..materials import Surface, cloth, plain
from ..nature import floor
from ..shapes import Point, Thing, place, sheet


def build() -> None:
    floor(cloth("#e9e6df", 30), 60)
    stage.surroundings("#d9dde2", "#ffffff", 0.5)
    stage.softbox((-4, -3, 6), (0, 0, 1), 3, 420)
    stage.softbox((5, 2, 4), (0, 0, 1), 3, 120)
    red = _pepper("#b00808", "#d81a10")
    place(red, (0.0, -0.3, 0), (0, 0, 20), 1.12)
    place(_pepper("#e39a00", "#f6bb10"), (-1.75, 1.7, 0), (0, 0, 75), 1.0)
    place(_pepper("#24611a", "#3b8523"), (1.7, 1.9, 0), (0, 0, 130), 1.0)
    stage.camera((0.1, -7.2, 3.6), (0, 0.35, 1.1), 74, 0.07, (0, -0.8, 1.3))


def _pepper(dark: str, light: str) -> Thing:
    skin = Surface(roughness=0.16, coat_weight=0.5, coat_roughness=0.08)
    skin.set(base_color=skin.ramp(skin.noise(1.2, 3), (0.35, dark), (0.7, light)))
    skin.bump(skin.noise(2.5, 2), 0.12, 0.1)

    def point(u: float, v: float) -> Point:
        angle, rise = 2 * math.pi * u, math.pi * v
        lobes = 1 - 0.13 * (0.5 + 0.5 * math.cos(4 * angle + 0.4 * math.sin(angle))) ** 2
        radius = math.sin(rise) ** 0.62 * (0.78 + 0.24 * v) * lobes
        dent = 0.42 * math.exp(-((radius / 0.36) ** 2)) * (v > 0.5)
        foot = 0.16 * (0.5 + 0.5 * math.cos(4 * angle)) * (1 - v) ** 2
        return (
            radius * math.cos(angle),
            radius * math.sin(angle),
            1.02 - 0.98 * math.cos(rise) - dent + foot,
        )

    body = sheet(point, 96, 64, skin, closed=True)
    stem = tube(
        trace("0,0,1.5 0,0,1.75 0.05,0,2.0 0.2,0.02,2.25 0.36,0.05,2.36"),
        0.13,
        plain("#4d7a24", 0.6),
        taper=[1.7, 1.0, 0.8, 0.9, 1.1],
    )
    stem.parent = body
    return body
