"""A cup of espresso with foam."""

import math
import random

from .. import stage
from ..curves import lathe, trace, tube
from ..materials import Surface, plain, wood
from ..nature import floor
from ..shapes import Point, Thing, ball, copy, place, sheet


def build() -> None:
    floor(wood("#2b1a10", "#5c3b22", 0.7), 60)
    stage.surroundings("#3a3531", "#b9c4d0", 0.5)
    stage.softbox((-4, 3, 5), (0, 0, 0.5), 3, 620, "#fff0dd")
    stage.softbox((4, -4, 4), (0, 0, 0.5), 3, 120)
    china = Surface("#f4f1ea", 0.12, coat_weight=0.4)
    lathe(
        trace(
            "0,0.08 0.7,0.08 0.95,0.1 1.5,0.2 1.95,0.36 2.0,0.36 1.97,0.31 1.5,0.12 1.0,0.02 0,0.02"
        ),
        china,
    )
    lathe(
        trace(
            "0,0.12 0.55,0.12 0.6,0.2 0.85,0.45 1.1,0.9 1.22,1.45 1.26,1.5 "
            "1.2,1.5 1.12,1.3 1.0,0.9 0.7,0.5 0,0.3"
        ),
        china,
    )
    tube(trace("1.1,0,1.3 1.45,0,1.4 1.75,0,1.2 1.7,0,0.8 1.35,0,0.6 0.95,0,0.62"), 0.11, china)
    foam = Surface(roughness=0.35)
    swirl = foam.noise(1.6, 6, 2.5)
    crema = foam.ramp(swirl, (0.3, "#6b3410"), (0.5, "#a9642a"), (0.7, "#d9a05c"))
    radius = foam.length(foam.along("X"), foam.along("Y"))
    foam.set(
        base_color=foam.blend(
            foam.ramp(radius, (0.86, "#000000"), (0.97, "#ffffff")), crema, "#4a220c"
        )
    )
    foam.bump(foam.cells(14).outputs[0], 0.1, 0.02)
    place(lathe([(0, 0), (1.06, 0.0), (1.09, 0.02)], foam), (0, 0, 1.27))
    spoon = Surface("#d8d8d8", 0.18, metallic=1.0)
    tube(trace("-0.4,-1.55,0.34 -1.0,-1.35,0.36 -1.75,-0.85,0.48 -2.3,-0.5,0.62"), 0.05, spoon)
    ball(0.26, (-0.15, -1.6, 0.33), spoon, (1.4, 0.85, 0.3), (0, 0, -15))
    beans = _bean()
    chance = random.Random(5)
    for _ in range(26):
        spot = (chance.gauss(2.0, 0.55), chance.gauss(1.9, 0.5), 0.12)
        copy(
            beans, spot, (chance.uniform(-30, 30), chance.choice((0, 180)), chance.uniform(0, 360))
        )
    stage.camera((-0.3, -5.0, 4.7), (0.1, 0, 0.72), 52, 0.07, (0, -0.8, 1.4))


def _bean() -> Thing:
    def point(u: float, v: float) -> Point:
        angle, rise = 2 * math.pi * u, math.pi * v
        ring = math.sin(rise)
        crease = 0.05 * math.exp(-((ring * math.cos(angle) / 0.12) ** 2)) * (v > 0.5)
        return (
            0.12 * ring * math.cos(angle),
            0.17 * ring * math.sin(angle),
            -0.1 * math.cos(rise) - crease,
        )

    return place(sheet(point, 24, 16, plain("#38190a", 0.35), closed=True), (0, 0, -9))
