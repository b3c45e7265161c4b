"""A salted pretzel."""

import math
import random

from mathutils import Vector

from .. import stage
from ..curves import smooth_line, trace, tube
from ..materials import Surface, cloth
from ..nature import floor
from ..places import daylight
from ..shapes import copy, rod


def build() -> None:
    floor(cloth("#dfe3e6", 14), 60)
    daylight()
    crust = Surface(roughness=0.22, coat_weight=0.3)
    crust.set(
        base_color=crust.ramp(
            crust.noise(1.3, 5), (0.3, "#5a230a"), (0.5, "#93450f"), (0.72, "#c9822e")
        )
    )
    crust.bump(crust.noise(9, 6), 0.15, 0.05)
    salt = rod(0.06, 0.09, (0, 0, -9), Surface("#fbfaf5", 0.3), 0.015, sides=5)
    chance = random.Random(3)
    # The strand runs from the middle of the thick belly around a loop, over the crossing and
    # back to the belly.
    strand = trace(
        "0,-1.62,0.46,1.3 0.6,-1.58,0.46,1.3 1.25,-1.25,0.45,1.2 "
        "1.78,-0.5,0.42,1.05 1.9,0.4,0.4,1.0 1.6,1.25,0.4,0.95 "
        "0.95,1.5,0.4,0.9 0.4,1.1,0.5,0.8 0.1,0.4,0.72,0.7 "
        "-0.18,-0.1,0.82,0.65 -0.52,-0.7,0.8,0.62 -0.85,-1.22,0.98,0.62 "
        "-1.02,-1.5,0.9,0.6"
    )
    mirrored = [(-x, y, z - 0.4 * (abs(y - 0.15) < 0.4), thick) for x, y, z, thick in strand[1:]]
    path = [*reversed(mirrored), *strand]
    tube([point[:3] for point in path], 0.36, crust, taper=[point[3] for point in path])
    for x, y, z, thick in smooth_line([Vector(point) for point in path], 12):
        if chance.random() < 0.75:
            side = chance.uniform(-0.6, 0.6)
            lift = 0.36 * thick * math.cos(side)
            at = (x + 0.36 * thick * math.sin(side), y - 0.12 * chance.random(), z + lift)
            copy(salt, at, [chance.uniform(0, 180) for _ in range(3)], chance.uniform(0.7, 1.2))
    stage.camera((0, -4.0, 6.2), (0, -0.02, 0.3), 54, 0.05)
