"""Two fly agarics in a forest."""

import math
import random

from mathutils import Vector, noise

from .. import stage
from ..curves import lathe, trace
from ..materials import Surface, plain
from ..nature import land, rough
from ..plants import foliage, grass
from ..shapes import Point, Thing, ball, copy, place, rod, sheet


def build() -> None:
    stage.surroundings("#33401f", "#b5c8a0", 0.55)
    stage.sun(48, 250, 3.6, "#ffe6bd", 4)
    moss = _moss()
    land(moss, (0, 6), (40, 40), lambda x, y: 0.35 * rough(x * 0.35, y * 0.35, 6) - 0.08, 160)
    red = Surface(roughness=0.22, coat_weight=0.4)
    red.set(base_color=red.ramp(red.noise(1.4, 4), (0.3, "#a00c04"), (0.7, "#d8240a")))
    chance = random.Random(14)
    _toadstool(red, chance, (0, 0, 0), 1.0, 4)
    _toadstool(red, chance, (1.75, 1.3, -0.1), 0.62, -7)
    grass(
        foliage("#8fae4a", "#3a5a1e"),
        chance,
        0.5,
        [
            (x, y, 0.35 * rough(x * 0.35, y * 0.35, 6) - 0.1)
            for x, y in ((chance.uniform(-5, 5), chance.uniform(-2.6, 5)) for _ in range(420))
            if math.hypot(x, y) > 0.9
        ],
        0.03,
    )
    litter = _dead_leaf()
    for _ in range(40):
        x, y = chance.uniform(-4, 4), chance.uniform(-2.5, 4)
        copy(
            litter,
            (x, y, 0.35 * rough(x * 0.35, y * 0.35, 6) + 0.03),
            [chance.uniform(-25, 25), chance.uniform(-25, 25), chance.uniform(0, 360)],
            chance.uniform(0.6, 1.1),
        )
    trunk = Surface("#2f2419", 0.95)
    trunk.bump(trunk.noise(2, 8, 0, trunk.place(scale=(3, 3, 0.5))), 1.0, 0.3)
    for x, y in ((-4.5, 11), (-1.2, 15), (2.4, 12), (5.4, 14), (-7.5, 14)):
        rod(0.5, 14, (x, y, 6), trunk)
    leaves = foliage("#88a84a", "#22401a")
    for _ in range(60):
        ball(
            chance.uniform(0.5, 1.3),
            (chance.uniform(-11, 11), chance.uniform(12, 19), chance.uniform(-0.2, 7)),
            leaves,
            (1, 0.4, 0.8),
        )
    stage.camera((0.3, -6.8, 1.5), (0.3, 0, 1.35), 54, 0.09, (0, -0.5, 1.6))


def _moss() -> Surface:
    moss = Surface(roughness=1.0)
    moss.set(
        base_color=moss.ramp(
            moss.noise(1.3, 8), (0.3, "#2c3414"), (0.55, "#55702a"), (0.75, "#7d5a34")
        )
    )
    return moss.bump(moss.noise(14, 6), 1.0, 0.15)


def _toadstool(red: Surface, chance: random.Random, foot: Point, size: float, lean: float) -> None:
    pale = Surface(roughness=0.8)
    pale.set(
        base_color=pale.ramp(
            pale.noise(2.5, 6, 0, pale.place(scale=(3, 3, 0.6))), (0.3, "#cbbf9f"), (0.7, "#f5efdc")
        )
    )
    stalk = lathe(trace("0.36,-0.2 0.42,0.05 0.3,0.35 0.24,0.9 0.22,1.5 0.24,2.0"), pale)
    place(stalk, foot, (lean, lean, 0), size)

    def skirt(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        radius = 0.23 + 0.25 * v + 0.03 * v * math.cos(13 * angle)
        return radius * math.cos(angle), radius * math.sin(angle), 1.5 - 0.22 * v**1.6

    def cap(u: float, v: float) -> Point:
        return _on_cap(2 * math.pi * u, 1.62 * v)

    def gills(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        radius = 0.2 + 1.2 * v
        return (
            radius * math.cos(angle),
            radius * math.sin(angle),
            1.86 - 0.13 * v + 0.05 * (math.cos(60 * angle) > 0),
        )

    parts = [
        sheet(skirt, 96, 8, pale, closed=True),
        sheet(cap, 72, 32, red, closed=True),
        sheet(gills, 240, 4, pale, closed=True),
    ]
    wart = plain("#f6efdd", 0.9)
    for ring, count in ((0.12, 1), (0.42, 6), (0.75, 10), (1.05, 14), (1.35, 18)):
        for number in range(count):
            angle = 2 * math.pi * (number + chance.uniform(-0.25, 0.25)) / count + ring
            at = Vector(_on_cap(angle, ring + chance.uniform(-0.08, 0.08)))
            parts.append(
                ball(
                    chance.uniform(0.06, 0.13),
                    at,
                    wart,
                    (1, 1, 0.6),
                    (math.degrees(ring) * -math.sin(angle) * -1, 0, 0),
                )
            )
    for part in parts:
        part.parent = stalk


def _on_cap(angle: float, slope: float) -> Point:
    radius = 1.42 * math.sin(slope)
    wobble = 1 + 0.03 * noise.noise(Vector((math.cos(angle), math.sin(angle), 2)))
    return (
        radius * wobble * math.cos(angle),
        radius * wobble * math.sin(angle),
        1.72 + 0.98 * math.cos(slope),
    )


def _dead_leaf() -> Thing:
    brown = Surface(roughness=0.8)
    brown.set(base_color=brown.ramp(brown.noise(3, 5), (0.3, "#5a3316"), (0.7, "#a86a2c")))

    def point(u: float, v: float) -> Point:
        wide = 0.22 * math.sin(math.pi * u) * (2 * v - 1) * (1 + 0.25 * math.sin(22 * u))
        return 0.7 * (u - 0.5), wide, 0.1 * math.sin(math.pi * u) + 1.2 * wide * wide

    return place(sheet(point, 30, 8, brown), (0, 0, -99))
