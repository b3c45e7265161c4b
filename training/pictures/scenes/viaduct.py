"""A stone railway viaduct across a valley."""

import math
import random

from .. import stage
from ..materials import masonry, plain, stone
from ..nature import land, rough, turf
from ..plants import foliage, grass, tree, wood_edge
from ..shapes import box, panel, place

Outline = list[tuple[float, float]]


def build() -> None:
    stage.sky("#3a78c8", "#cfe3f2", 0.55, 1.0, 4)
    stage.sun(38, 235, 4.2)

    def valley(x: float, y: float) -> float:
        slope = 9 * (1 - math.exp(-((x / 55) ** 2)))
        return slope + 1.2 * rough(x * 0.03, y * 0.03, 3) + max(0, y - 30) * 0.2 - 0.4

    land(turf("#a3a552", "#566f2c", 0.35), (0, 40), (300, 220), valley, 200)
    blocks = masonry(("#a8906e", "#8c7658", "#6a5a45"), 0.62)
    span, gap, tall, top = 8.0, 3.25, 17.0, 20.5
    arches = range(-7, 8)
    for number in arches:
        wall = _arch(number * span, span / 2, gap, tall, top)
        place(panel(wall, 3.6, blocks), (0, 12, -3))
    pale = stone("#948168", "#b8a486", 0.8)
    box((130, 4.2, 0.45), (0, 12, top - 2.9), pale, 0.03)
    box((130, 3.9, 1.0), (0, 12, top - 2.3), blocks, 0.03)
    for number in arches:
        box((1.9, 4.3, 0.4), ((number + 0.5) * span, 12, 10.7), pale, 0.03)
    chance = random.Random(12)
    leaves, bark = foliage("#7d9a3c", "#2a4a1c"), plain("#4a3a2a", 0.9)
    crown = tree(leaves, bark, chance, (-26, -14, valley(-26, -14)), 6.5)
    spots = [(chance.uniform(-90, 90), chance.uniform(24, 80)) for _ in range(170)]
    spots += [(chance.uniform(-40, 12), chance.uniform(-12, 4)) for _ in range(22)]
    wood_edge(crown, chance, [(x, y, valley(x, y)) for x, y in spots], 5)
    meadow = [(chance.uniform(0, 32), chance.uniform(-18, 4)) for _ in range(1500)]
    grass(foliage("#b5b562", "#6a7f34"), chance, 0.6, [(x, y, valley(x, y)) for x, y in meadow])
    stage.camera((25, -21, 3.2), (-3, 10, 8.6), 30)


def _arch(middle: float, half: float, gap: float, tall: float, top: float) -> Outline:
    """Returns the outline of one bay: two half piers and the round arch between them."""
    spring = tall - gap
    curve = [
        (middle - gap * math.cos(a), spring + gap * math.sin(a))
        for a in (k * math.pi / 20 for k in range(21))
    ]
    left, right = middle - half, middle + half
    return [
        (left, -4),
        (middle - gap, -4),
        *curve,
        (middle + gap, -4),
        (right, -4),
        (right, top),
        (left, top),
    ]
