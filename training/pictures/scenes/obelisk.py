"""A granite obelisk on a paved square."""

import random

from .. import stage
from ..materials import Surface, masonry, plain, stone
from ..nature import floor
from ..plants import foliage, tree, wood_edge
from ..shapes import Point, box, mesh, place

_SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def build() -> None:
    stage.sky("#1e66c8", "#a9d2f3", 0.3, 1.0, 5)
    stage.sun(40, 225, 4.6)
    paving = masonry(("#b9ad98", "#a59982", "#7d7464"), 0.5, "XY")
    floor(paving, 400)
    granite = _hieroglyphs()
    low, high, tall = 1.15, 0.78, 13.5
    corners: list[Point] = (
        [(x * low, y * low, 0) for x, y in _SQUARE]
        + [(x * high, y * high, tall) for x, y in _SQUARE]
        + [(0, 0, tall + 1.7)]
    )
    faces = [(k, (k + 1) % 4, 4 + (k + 1) % 4, 4 + k) for k in range(4)] + [
        (4 + k, 4 + (k + 1) % 4, 8) for k in range(4)
    ]
    place(mesh(corners, faces, granite, smooth=False), (0, 0, 3.2), (0, 0, 24))
    pale = stone("#a39a88", "#d6cebb", 1.2)
    for width, height, thick in (
        (5.6, 0.25, 0.5),
        (4.6, 0.75, 0.5),
        (3.2, 1.9, 1.9),
        (3.6, 2.95, 0.24),
        (2.9, 3.15, 0.2),
    ):
        box((width, width, thick), (0, 0, height), pale, 0.04, (0, 0, 24))
    chance = random.Random(6)
    crown = tree(foliage("#6f8f3a", "#24421a"), plain("#4a3a2a", 0.9), chance, (-11, 34, 0), 6)
    wood_edge(
        crown,
        chance,
        [(x + chance.uniform(-2, 2), 38 + chance.uniform(-4, 8), 0) for x in range(-30, 32, 4)],
        6,
    )
    stage.camera((3.5, -20, 1.8), (0, 0, 8.6), 36)


def _hieroglyphs() -> Surface:
    surface = stone("#8d6f58", "#c0a284", 1.2)
    place_ = surface.place()
    signs = surface.cells(3.2, vector=surface.place(scale=(1, 1, 0.9)))
    marks = surface.ramp(
        signs.outputs[0],
        (0.16, "#ffffff"),
        (0.2, "#000000"),
        (0.3, "#000000"),
        (0.33, "#ffffff"),
        (0.38, "#000000"),
    )
    middle = surface.ramp(
        surface.calculate("ABSOLUTE", surface.along("X", place_)),
        (0.5, "#ffffff"),
        (0.52, "#000000"),
    )
    carved = surface.blend(middle, "#000000", marks)
    colour = surface.ramp(surface.noise(1.2, 8), (0.3, "#93755c"), (0.7, "#c9ad8e"))
    surface.set(
        base_color=surface.blend(surface.calculate("MULTIPLY", carved, 0.5), colour, "#4e3a2c")
    )
    return surface
