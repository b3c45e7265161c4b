"""A triumphal arch of pale stone."""

import math
import random

from .. import stage
from ..materials import Surface, masonry, plain, stone
from ..nature import floor
from ..plants import foliage, tree, wood_edge
from ..shapes import Point, box, panel, place, rod

Outline = list[tuple[float, float]]


def build() -> None:
    stage.sky("#2468c4", "#bcdaf2", 0.4, 1.0, 6)
    stage.sun(42, 222, 4.4)
    floor(masonry(("#b3a894", "#a0947f", "#857b6a"), 0.35, "XY"), 400)
    marble = stone("#b39f80", "#e0d0b2", 0.5)
    blocks = masonry(("#d3c2a2", "#c5b291", "#9f8e70"), 0.7)
    wide, deep, tall = 6.2, 5.2, 10.6
    outline: Outline = [(-wide, 0), (-1.9, 0), (-1.9, 5.1)]
    outline += [
        (-1.9 * math.cos(a), 5.1 + 1.9 * math.sin(a))
        for a in (k * math.pi / 16 for k in range(1, 16))
    ]
    outline += [(1.9, 5.1), (1.9, 0), (wide, 0), (wide, tall), (-wide, tall)]
    panel(outline, deep, blocks)
    box((13.6, 6.4, 0.35), (0, 0, 8.1), marble, 0.04)
    box((13.0, 5.8, 0.5), (0, 0, 7.7), marble, 0.04)
    box((12.0, 5.0, 2.6), (0, 0, 9.6), blocks, 0.03)
    box((12.9, 5.9, 0.35), (0, 0, 11.0), marble, 0.04)
    box((12.3, 5.3, 0.3), (0, 0, 11.3), marble, 0.04)
    for x in (-5.55, -2.75, 2.75, 5.55):
        _column((x, -2.95, 0), marble)
    ring = [
        ((1.9 + k) * math.cos(a), 5.1 + (1.9 + k) * math.sin(a))
        for k in (0, 0.5)
        for a in (t * math.pi / 16 for t in range(17))
    ]
    place(panel([*ring[:17], *reversed(ring[17:])], 0.3, marble, 0.03), (0, -2.65, 0))
    box((0.8, 0.5, 1.0), (0, -2.75, 7.1), marble, 0.05)
    for x in (-4.15, 4.15):
        box((1.9, 0.2, 1.9), (x, -2.6, 6.3), marble, 0.04)
        box((1.5, 0.2, 1.5), (x, -2.66, 6.3), stone("#8f7d62", "#b8a684", 3), 0.1)
        box((2.0, 0.24, 3.0), (x, -2.6, 3.1), marble, 0.04)
        box((1.5, 0.2, 2.5), (x, -2.68, 3.1), stone("#8a785e", "#b5a27f", 2.4), 0.15)
    box((5.6, 0.2, 1.7), (0, -2.6, 9.75), marble, 0.05)
    dark = plain("#5d5040", 0.9)
    for row, count in enumerate((15, 18, 13)):
        for letter in range(count):
            box(
                (0.16, 0.1, 0.26),
                ((letter - count / 2 + 0.5) * 0.27, -2.72, 10.25 - 0.46 * row),
                dark,
                0.03,
            )
    chance = random.Random(3)
    crown = tree(foliage("#6f8f3a", "#24421a"), plain("#4a3a2a", 0.9), chance, (-17, 30, 0), 7)
    wood_edge(
        crown,
        chance,
        [(x + chance.uniform(-2, 2), 42 + chance.uniform(-6, 8), 0) for x in range(-44, 46, 4)],
        7,
    )
    stage.camera((8.5, -22, 2.0), (0.2, 0, 5.7), 40)


def _column(foot: Point, marble: Surface) -> None:
    x, y, _ = foot
    box((1.0, 1.0, 1.5), (x, y, 0.75), marble, 0.05)
    rod(0.36, 5.3, (x, y, 4.1), marble, top=0.3)
    rod(0.46, 0.2, (x, y, 1.6), marble, 0.05)
    rod(0.32, 0.6, (x, y, 6.9), marble, top=0.48)
    box((1.0, 1.0, 0.22), (x, y, 7.3), marble, 0.03)
    box((0.85, 0.8, 2.6), (x, y + 0.2, 9.4), marble, 0.06)
