"""Pomegranates, one of them cut open."""

import math
import random

from .. import stage
from ..materials import Surface, plain, wood
from ..places import table
from ..shapes import Point, Thing, ball, copy, place, sheet


def build() -> None:
    table(wood("#2e2018", "#5a4030", 0.8))
    rind = Surface(roughness=0.32)
    rind.set(
        base_color=rind.ramp(
            rind.noise(2.2, 8), (0.3, "#8e0f1c"), (0.52, "#c3202a"), (0.75, "#d8744a")
        )
    )
    rind.bump(rind.noise(30, 4), 0.12, 0.02)
    for at, turn in (((-0.75, 0.55, 0.98), (12, -16, 0)), ((1.35, 1.5, 0.98), (-10, 24, 40))):
        place(_pomegranate(rind), at, turn)
    _opened(rind, random.Random(4))
    stage.camera((0.2, -6.4, 3.5), (0.1, 0.05, 0.75), 62, 0.08, (0.5, -0.9, 0.9))


def _pomegranate(rind: Surface) -> Thing:
    def point(u: float, v: float) -> Point:
        angle, rise = 2 * math.pi * u, math.pi * v
        radius = math.sin(rise) * (1 + 0.035 * math.cos(6 * angle))
        return radius * math.cos(angle), radius * math.sin(angle), -0.95 * math.cos(rise)

    def crown(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        radius = 0.2 + 0.16 * v**2
        return (
            radius * math.cos(angle),
            radius * math.sin(angle),
            0.86 + v * (0.28 + 0.12 * math.cos(6 * angle)),
        )

    fruit = sheet(point, 72, 48, rind, closed=True)
    top = sheet(crown, 72, 12, rind, closed=True)
    top.modifiers.new("thick", "SOLIDIFY").thickness = 0.04
    top.parent = fruit
    return fruit


def _opened(rind: Surface, chance: random.Random) -> None:
    """Adds half a fruit with seeds heaped in the white pith."""

    def bowl(u: float, v: float) -> Point:
        angle, down = 2 * math.pi * u, 0.5 * math.pi * v
        return math.cos(angle) * math.cos(down), math.sin(angle) * math.cos(down), -math.sin(down)

    half = sheet(bowl, 64, 24, rind, closed=True)
    pith = ball(0.97, (0, 0, 0), plain("#f0d9a8", 0.6), (1, 1, 0.06))
    pith.parent = half
    seed = ball(
        0.11,
        (0, 0, -9),
        Surface(
            "#a30518",
            0.08,
            subsurface_weight=0.4,
            subsurface_radius=(0.3, 0.05, 0.05),
            coat_weight=0.6,
        ),
        (1, 0.8, 0.8),
    )
    for ring in range(7):
        for step in range(max(6 * ring, 1)):
            angle = 2 * math.pi * (step + chance.uniform(-0.2, 0.2)) / max(6 * ring, 1)
            radius = 0.14 * ring + chance.uniform(-0.02, 0.02)
            if ring > 1 and abs(math.sin(2.5 * angle + 0.4)) * radius < 0.09:
                continue
            at = (
                radius * math.cos(angle),
                radius * math.sin(angle),
                0.08 + chance.uniform(0, 0.07),
            )
            grain = copy(
                seed, at, [chance.uniform(0, 180) for _ in range(3)], chance.uniform(0.9, 1.15)
            )
            grain.parent = half
    place(half, (0.75, -0.85, 0.72), (52, 0, -12))
    for _ in range(14):
        copy(
            seed,
            (chance.uniform(-1.6, 2.2), chance.uniform(-2.0, -1.4), 0.09),
            [chance.uniform(0, 180) for _ in range(3)],
        )
