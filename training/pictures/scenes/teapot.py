"""A dotted china teapot."""

import math

from .. import stage
from ..curves import lathe, ring, trace, tube
from ..materials import Surface, wood
from ..places import room


def build() -> None:
    room("#a9b3b0", wood("#5a3a22", "#93663c", 0.5), 0.5)
    stage.softbox((-5, -2, 6), (0, 0, 1.2), 3, 750, "#fff2e2")
    stage.softbox((5, 1, 3), (0, 0, 1.2), 2.5, 200)
    glaze = Surface(roughness=0.1, coat_weight=0.6)
    around = glaze.calculate("ARCTAN2", glaze.along("Y"), glaze.along("X"))
    rows = glaze.calculate("MULTIPLY", glaze.along("Z"), 2.6)
    # Every second row of dots is shifted by half a gap.
    shifted = glaze.calculate(
        "ADD",
        glaze.calculate("MULTIPLY", around, 14 / (2 * math.pi)),
        glaze.calculate("MULTIPLY", glaze.calculate("FLOOR", rows), 0.5),
    )
    across, up = (
        glaze.calculate("SUBTRACT", glaze.calculate("FRACT", value), 0.5)
        for value in (shifted, rows)
    )
    dots = glaze.ramp(glaze.length(across, up), (0.2, "#2450a8"), (0.23, "#f3f0e7"))
    glaze.set(base_color=dots)
    white = Surface("#f3f0e7", 0.1, coat_weight=0.6)
    blue = Surface("#24479c", 0.12, coat_weight=0.6)
    lathe(
        trace("0,0 0.75,0 0.8,0.08 1.1,0.4 1.35,0.95 1.25,1.5 0.85,1.95 0.62,2.08 0.6,2.15"), glaze
    )
    lathe(
        trace("0.72,2.1 0.7,2.16 0.55,2.32 0.25,2.46 0.12,2.52 0.1,2.6 0.2,2.7 0.16,2.84 0,2.88"),
        white,
    )
    for radius, height in ((0.7, 2.09), (0.8, 0.05)):
        ring(radius, 0.05, (0, 0, height), blue)
    tube(
        trace("1.0,0,0.7 1.55,0,0.85 1.8,0,1.35 2.05,0,1.85 2.4,0,2.08"),
        0.2,
        white,
        taper=[2.0, 1.5, 1.05, 0.85, 0.8],
    )
    tube(
        trace("-0.95,0,1.8 -1.5,0,2.25 -2.15,0,2.0 -2.2,0,1.3 -1.75,0,0.75 -1.2,0,0.65"),
        0.13,
        white,
    )
    stage.camera((0.5, -8.2, 3.1), (0.08, 0, 1.3), 57, 0.08, (0, -1, 1.3))
