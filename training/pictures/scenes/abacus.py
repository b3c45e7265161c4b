"""A wooden abacus with glossy beads."""

import random

from .. import stage
from ..curves import lathe, trace
from ..materials import Surface, metal, wood
from ..places import room
from ..shapes import box, copy, rod


def build() -> None:
    room("#c9d4d4", wood("#8a6238", "#c79a63", 0.5), 0.5)
    stage.softbox((-4, -4, 6), (0, 0, 1.5), 3, 800, "#fff2e2")
    stage.softbox((5, -2, 3), (0, 0, 1.5), 3, 160)
    frame = wood("#9a5f2c", "#cf9350", 1.0, "X")
    for height in (0.16, 3.64):
        box((4.6, 0.36, 0.32), (0, 0, height), frame, 0.05)
    for x in (-2.2, 2.2):
        box((0.3, 0.34, 3.2), (x, 0, 1.9), frame, 0.05)
    steel = metal("#c9c9c9", 0.2)
    chance = random.Random(8)
    for row, colour in enumerate(
        ("#c81d1d", "#f0b400", "#1d64c8", "#1f9a3c", "#e2661a", "#c81d1d", "#f0b400", "#1d64c8")
    ):
        height = 0.56 + 0.4 * row
        rod(0.03, 4.3, (0, 0, height), steel, turn=(0, 90, 0))
        bead = lathe(
            trace("0.05,-0.15 0.12,-0.15 0.19,-0.05 0.19,0.05 0.12,0.15 0.05,0.15"),
            Surface(colour, 0.18, coat_weight=0.5),
        )
        bead.location = (0, 0, -9)
        moved = chance.randint(2, 8)
        for number in range(10):
            x = -1.87 + 0.31 * number if number < moved else 1.87 - 0.31 * (9 - number)
            copy(bead, (x, 0, height), (0, 90, 0))
    stage.camera((2.3, -7.6, 3.1), (0, 0, 1.85), 54, 0.04)
