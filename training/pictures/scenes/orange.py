"""Oranges, one of them cut in half."""

import math

from .. import stage
from ..materials import Surface, plain, wood
from ..places import table
from ..shapes import Point, Thing, ball, copy, place, sheet


def build() -> None:
    table(wood("#3b2415", "#7c5230", 0.8))
    peel = _peel()
    half = _half_orange(peel)
    place(half, (0.62, -0.75, 0.86), (62, 0, -14))
    for at, turn in (((-0.55, 0.25, 0.97), 20), ((1.25, 1.0, 0.97), 200), ((-1.9, 1.75, 0.97), 90)):
        _navel(ball(1, at, peel, (1, 1, 0.96), (18, 8, turn)))
    leaf = _leaf(Surface("#2f6b1c", 0.35))
    place(leaf, (-1.35, -0.95, 0.05), (0, 0, 35), 0.8)
    copy(leaf, (-0.62, 0.1, 1.95), (8, -14, 160), 0.62)
    stage.camera((0.15, -6.6, 3.2), (0.1, 0, 0.78), 62, 0.09, (0.3, -0.7, 0.9))


def _peel() -> Surface:
    peel = Surface(roughness=0.38)
    peel.set(base_color=peel.ramp(peel.noise(1.4, 4), (0.35, "#f07800"), (0.7, "#ff9a14")))
    return peel.bump(peel.cells(26, "SMOOTH_F1").outputs[0], 0.35, 0.03)


def _navel(fruit: Thing) -> None:
    """Adds the small green stub of the stalk."""
    stalk = ball(0.1, (0, 0, 0.98), plain("#56682a", 0.8), (1, 1, 0.4))
    stalk.parent = fruit


def _half_orange(peel: Surface) -> Thing:
    def bowl(u: float, v: float) -> Point:
        angle, down = 2 * math.pi * u, 0.5 * math.pi * v
        return math.cos(angle) * math.cos(down), math.sin(angle) * math.cos(down), -math.sin(down)

    fruit = sheet(bowl, 64, 24, peel, closed=True)
    flesh = Surface(roughness=0.18)
    place_ = flesh.place()
    x, y = flesh.along("X", place_), flesh.along("Y", place_)
    radius, angle = flesh.length(x, y), flesh.calculate("ARCTAN2", y, x)
    wave = flesh.calculate("SINE", flesh.calculate("MULTIPLY", angle, 5))
    wedge = flesh.calculate("ABSOLUTE", wave)
    # The radius keeps the walls between the segments equally thick from centre to rim.
    wall = flesh.calculate("MULTIPLY", wedge, radius)
    fibre = flesh.node(
        "ShaderNodeCombineXYZ",
        i0=flesh.calculate("MULTIPLY", angle, 9),
        i1=flesh.calculate("MULTIPLY", radius, 3),
    ).outputs[0]
    pulp = flesh.ramp(flesh.noise(2.4, 5, 0.6, fibre), (0.3, "#f27405"), (0.7, "#ffae2b"))
    segments = flesh.blend(flesh.ramp(wall, (0.05, "#000000"), (0.11, "#ffffff")), "#ffd98c", pulp)
    ring = flesh.ramp(
        radius,
        (0.06, "#fff0c9"),
        (0.1, "#000000"),
        (0.86, "#000000"),
        (0.89, "#fff0cf"),
        (0.965, "#fff0cf"),
        (0.975, "#f58a0a"),
    )
    mask = flesh.ramp(
        radius, (0.06, "#ffffff"), (0.1, "#000000"), (0.86, "#000000"), (0.89, "#ffffff")
    )
    flesh.set(base_color=flesh.blend(mask, segments, ring))
    flesh.bump(flesh.noise(5, 4, 0.5, fibre), 0.35, 0.05)

    def disc(u: float, v: float) -> Point:
        return v * math.cos(2 * math.pi * u), v * math.sin(2 * math.pi * u), 0.0

    face = sheet(disc, 64, 8, flesh, closed=True)
    face.parent = fruit
    return fruit


def _leaf(surface: Surface) -> Thing:
    def point(u: float, v: float) -> Point:
        width = 0.33 * math.sin(math.pi * u**0.8) * (2 * v - 1)
        return u - 0.5, width, 0.12 * math.sin(math.pi * u) + 0.45 * abs(width) ** 1.3

    leaf = sheet(point, 24, 10, surface)
    leaf.modifiers.new("thick", "SOLIDIFY").thickness = 0.012
    return leaf
