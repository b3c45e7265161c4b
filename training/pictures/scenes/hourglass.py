"""An hourglass that has half run down."""

import math

from .. import stage
from ..curves import lathe, trace
from ..materials import Surface, glass, wood
from ..places import room
from ..shapes import place, rod


def build() -> None:
    room("#d5d2cc", wood("#6b4526", "#a4733f", 0.5), 0.55)
    stage.softbox((-5, -1, 6), (0, 0, 2), 3, 650, "#fff3e4")
    stage.softbox((4, 3, 4), (0, 0, 2), 3, 260)
    timber = wood("#4f2410", "#8a4a22", 1.0, "Z", 0.25)
    for height in (0.14, 4.06):
        lathe(
            trace("0,-0.14 1.28,-0.14 1.34,-0.08 1.3,0.0 1.34,0.08 1.28,0.14 0,0.14"), timber
        ).location = (0, 0, height)
    for angle in (30, 150, 270):
        x, y = 1.12 * math.cos(math.radians(angle)), 1.12 * math.sin(math.radians(angle))
        place(
            lathe(
                trace(
                    "0.1,0.2 0.16,0.4 0.08,0.7 0.07,1.6 0.14,2.0 0.14,2.2 "
                    "0.07,2.6 0.08,3.5 0.16,3.8 0.1,4.0"
                ),
                timber,
            ),
            (x, y, 0),
        )
    half = trace("0.1,1.82 0.3,1.68 0.7,1.35 0.86,0.9 0.78,0.45 0.4,0.16 0,0.12")
    upper = [(radius, -height) for radius, height in reversed(half)]
    outline = (
        [(radius, 2.1 - height) for radius, height in half[::-1]]
        + [(0.07, 2.1)]
        + [(radius, 2.1 - height) for radius, height in upper[::-1]]
    )
    shell = lathe([(radius, 4.2 - height) for radius, height in outline], glass("#f4fbff"))
    shell.modifiers.new("thick", "SOLIDIFY").thickness = 0.05
    sand = Surface("#d98a3a", 0.95)
    sand.bump(sand.noise(60, 2), 0.6, 0.03)
    lathe(trace("0,1.3 0.12,1.2 0.46,0.88 0.72,0.66 0.7,0.54 0.56,0.38 0.32,0.25 0,0.22"), sand)
    lathe(trace("0,2.16 0.04,2.26 0.2,2.52 0.5,2.84 0.58,2.92 0.4,2.86 0,2.74"), sand)
    rod(0.02, 1.0, (0, 0, 1.7), sand)
    stage.camera((0.4, -9.6, 2.9), (0, 0, 2.08), 62, 0.07)
