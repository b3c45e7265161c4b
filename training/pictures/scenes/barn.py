"""A red barn and its silo in a meadow."""

import random

from .. import stage
from ..curves import lathe, trace
from ..materials import Surface, metal, plain
from ..nature import land, rough, turf
from ..plants import foliage, grass, tree, wood_edge
from ..shapes import box, panel, place, rod


def build() -> None:
    stage.sky("#2a70cc", "#bcdcf4", 0.5, 1.0, 8)
    stage.sun(36, 212, 4.4)
    chance = random.Random(9)
    land(
        turf("#8aa04a", "#4d6a26", 0.5),
        (0, 20),
        (160, 130),
        lambda x, y: (
            0.5 * rough(x * 0.06, y * 0.06, 2) * min(1, max(0, (abs(x) + abs(y) - 9) / 10))
        ),
    )
    boards = Surface(roughness=0.8)
    x, y = boards.along("X"), boards.along("Y")
    plank = boards.calculate(
        "FRACT", boards.calculate("MULTIPLY", boards.calculate("ADD", x, y), 3.2)
    )
    worn = boards.noise(1.0, 8, 0, boards.place(scale=(3, 3, 0.35)))
    red = boards.ramp(worn, (0.3, "#6e130e"), (0.6, "#a81e16"), (0.8, "#b8564a"))
    gap = boards.ramp(plank, (0.03, "#000000"), (0.07, "#ffffff"))
    boards.set(base_color=boards.blend(gap, "#2e0806", red))
    boards.bump(gap, 0.5, 0.05)
    outline = trace("-4,0 4,0 4,4 2.9,6.4 0,8 -2.9,6.4 -4,4")
    place(panel(outline, 11, boards), (0, 5.5, 0))
    tin = Surface("#8d949b", 0.4, metallic=0.7)
    ribs = tin.calculate("FRACT", tin.calculate("MULTIPLY", tin.along("Y"), 1.6))
    tin.bump(
        tin.ramp(ribs, (0.0, "#ffffff"), (0.12, "#000000"), (0.88, "#000000"), (1.0, "#ffffff")),
        0.6,
        0.08,
    )
    tin.set(base_color=tin.ramp(tin.noise(0.9, 7), (0.35, "#6a6e72"), (0.7, "#a9b0b5")))
    eaves = trace("-4.5,3.5 -4.05,4.05 -2.95,6.5 0,8.15 2.95,6.5 4.05,4.05 4.5,3.5")
    roof = panel([*eaves, *[(px * 0.97, pz - 0.16) for px, pz in reversed(eaves)]], 12, tin)
    place(roof, (0, 5.5, 0))
    _barn_trim()
    silver = plain("#b9bec2", 0.45)
    rod(1.5, 9, (7.2, 9, 4.5), silver)
    lathe(trace("1.55,9 1.4,9.7 0.9,10.2 0,10.4"), metal("#c9ced2", 0.35)).location = (7.2, 9, 0)
    leaves, bark = foliage("#7f9a3c", "#2c4a1a"), plain("#4a3a2a", 0.9)
    crown = tree(leaves, bark, chance, (-9.5, 12, 0), 9)
    wood_edge(
        crown,
        chance,
        [(px + chance.uniform(-2, 2), 52 + chance.uniform(-4, 10), 0) for px in range(-44, 46, 5)],
        9,
    )
    blades = foliage("#a9b858", "#5d7a2a")
    grass(
        blades,
        chance,
        0.45,
        [(chance.uniform(-9, 9), chance.uniform(-11, -1.5), 0) for _ in range(1500)],
    )
    stage.camera((8.5, -17, 2.6), (0.6, 3, 4.0), 38)


def _barn_trim() -> None:
    white, dark = plain("#ece8de", 0.7), plain("#1d1512", 0.9)
    box((3.0, 0.12, 3.2), (0, -0.05, 1.6), plain("#7d1712", 0.8), 0.02)
    for size, at, lean in (
        ((3.3, 0.16, 0.16), (0, -0.1, 3.2), 0),
        ((0.16, 0.16, 3.2), (-1.55, -0.1, 1.6), 0),
        ((0.16, 0.16, 3.2), (1.55, -0.1, 1.6), 0),
        ((0.14, 0.16, 3.2), (0, -0.1, 1.6), 0),
        ((0.13, 0.14, 3.5), (-0.78, -0.12, 1.6), 24),
        ((0.13, 0.14, 3.5), (-0.78, -0.12, 1.6), -24),
        ((0.13, 0.14, 3.5), (0.78, -0.12, 1.6), 24),
        ((0.13, 0.14, 3.5), (0.78, -0.12, 1.6), -24),
    ):
        box(size, at, white, 0.01, (0, lean, 0))
    box((1.3, 0.1, 1.3), (0, -0.02, 5.4), dark, 0)
    for size, at in (
        ((1.55, 0.14, 0.14), (0, -0.06, 6.1)),
        ((1.55, 0.14, 0.14), (0, -0.06, 4.72)),
        ((0.14, 0.14, 1.4), (-0.7, -0.06, 5.4)),
        ((0.14, 0.14, 1.4), (0.7, -0.06, 5.4)),
    ):
        box(size, at, white, 0.01)
    for sign in (-1, 1):
        box((0.2, 0.16, 4.05), (sign * 3.95, -0.04, 2.0), white, 0.01)
        box((0.2, 0.2, 2.75), (sign * 3.5, -0.5, 5.3), white, 0.01, (0, sign * -24.6, 0))
        box((0.2, 0.2, 3.4), (sign * 1.45, -0.5, 7.3), white, 0.01, (0, sign * -61, 0))
    pane = Surface("#20303c", 0.1)
    for y in (2.5, 5.5, 8.5):
        box((0.1, 1.2, 1.2), (4.0, y, 2.2), pane, 0)
        for size, at in (
            ((0.16, 1.4, 0.14), (4.02, y, 2.85)),
            ((0.16, 1.4, 0.14), (4.02, y, 1.55)),
            ((0.16, 0.14, 1.3), (4.02, y - 0.65, 2.2)),
            ((0.16, 0.14, 1.3), (4.02, y + 0.65, 2.2)),
            ((0.14, 0.08, 1.3), (4.02, y, 2.2)),
            ((0.14, 1.2, 0.08), (4.02, y, 2.2)),
        ):
            box(size, at, white, 0.01)
