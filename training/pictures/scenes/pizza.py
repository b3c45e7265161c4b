"""A pizza with salami, olives and basil."""

import math
import random

from mathutils import Vector, noise

from .. import stage
from ..curves import lathe, trace
from ..materials import Surface, plain, wood
from ..nature import floor
from ..places import daylight
from ..shapes import Point, Thing, copy, place, rod, sheet


def build() -> None:
    floor(wood("#3a2415", "#6f4a2c", 0.6, "Y"), 60)
    rod(3.35, 0.16, (0, 0, 0.08), wood("#a9743f", "#d9a868", 0.9), 0.05)
    daylight()
    chance = random.Random(11)
    cheese = Surface(roughness=0.35)
    melted = cheese.ramp(
        cheese.noise(1.5, 8, 0.6),
        (0.32, "#a82508"),
        (0.45, "#e07a14"),
        (0.58, "#f7bb3c"),
        (0.75, "#ffe084"),
    )
    scorched = cheese.ramp(cheese.noise(3.6, 5), (0.64, "#000000"), (0.74, "#ffffff"))
    cheese.set(base_color=cheese.blend(scorched, melted, "#8a3a10"))
    cheese.bump(cheese.noise(5, 6), 0.5, 0.08)

    def top(u: float, v: float) -> Point:
        x, y = 2.62 * v * math.cos(2 * math.pi * u), 2.62 * v * math.sin(2 * math.pi * u)
        return x, y, 0.34 + 0.05 * noise.noise(Vector((x * 2, y * 2, 3)))

    sheet(top, 96, 24, cheese, closed=True)
    _crust()
    salami = Surface(roughness=0.3)
    salami.set(
        base_color=salami.ramp(
            salami.noise(9, 4), (0.4, "#8f1a0c"), (0.62, "#b8301a"), (0.7, "#e0937a")
        )
    )
    slice_ = lathe(trace("0,0.02 0.3,0.015 0.4,0.05 0.43,0.1 0.4,0.02 0.3,-0.02 0,-0.02"), salami)
    slice_.location = (0, 0, -9)
    olive = lathe(
        trace("0.07,-0.05 0.15,-0.04 0.18,0 0.15,0.05 0.09,0.05 0.07,0"), plain("#1c1814", 0.25)
    )
    olive.location = (0, 0, -9)
    basil = _basil()
    for at in _spread(chance, 16, 2.08, 0.84):
        copy(
            slice_,
            (*at, 0.4),
            (chance.uniform(-6, 6), chance.uniform(-6, 6), chance.uniform(0, 360)),
            chance.uniform(0.95, 1.1),
        )
    for at in _spread(chance, 16, 2.35, 0.6):
        copy(olive, (*at, 0.47), (chance.uniform(-25, 25), chance.uniform(-25, 25), 0))
    for at in _spread(chance, 9, 2.0, 1.0):
        copy(
            basil,
            (*at, 0.5),
            (chance.uniform(-12, 12), chance.uniform(-12, 12), chance.uniform(0, 360)),
            chance.uniform(0.7, 1.0),
        )
    stage.camera((0, -5.6, 7.2), (0, -0.2, 0.2), 47, 0.05, (0, -0.6, 0.4))


def _spread(
    chance: random.Random, count: int, reach: float, gap: float
) -> list[tuple[float, float]]:
    """Returns up to `count` random points in a disc that are more than `gap` apart."""
    spots: list[tuple[float, float]] = []
    for _ in range(2000):
        angle, radius = chance.uniform(0, 2 * math.pi), reach * math.sqrt(chance.random())
        spot = (radius * math.cos(angle), radius * math.sin(angle))
        if len(spots) < count and all(math.dist(spot, other) > gap for other in spots):
            spots.append(spot)
    return spots


def _crust() -> None:
    baked = Surface(roughness=0.6)
    baked.set(
        base_color=baked.ramp(
            baked.noise(1.6, 7), (0.3, "#7a3d12"), (0.5, "#c98537"), (0.7, "#ecc27a")
        )
    )
    baked.bump(baked.noise(8, 6), 0.4, 0.06)

    def rim(u: float, v: float) -> Point:
        angle, around = 2 * math.pi * u, 2 * math.pi * v
        direction = Vector((math.cos(angle), math.sin(angle), 0))
        thick = 0.3 + 0.07 * noise.noise(direction * 3.2)
        radius = (
            2.8 + 0.06 * noise.noise(direction * 2 + Vector((5, 0, 0))) + thick * math.cos(around)
        )
        return radius * direction.x, radius * direction.y, 0.3 + thick * 0.9 * math.sin(around)

    sheet(rim, 160, 24, baked, closed=True)


def _basil() -> Thing:
    def point(u: float, v: float) -> Point:
        width = 0.26 * math.sin(math.pi * u**0.85) * (2 * v - 1)
        return 0.9 * (u - 0.5), width, 0.1 * math.sin(math.pi * u) - 0.6 * width**2

    return place(sheet(point, 16, 8, Surface("#2c6e17", 0.4)), (0, 0, -9))
