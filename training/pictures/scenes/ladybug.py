"""A ladybug on a leaf."""

import math
import random

from .. import stage
from ..curves import tube
from ..materials import Surface, plain
from ..nature import rough
from ..plants import foliage
from ..shapes import Point, Thing, ball, place, sheet


def build() -> None:
    stage.surroundings("#4f7a2c", "#d5e8b8", 0.6)
    stage.softbox((-4, -1, 6), (0, 0, 0.6), 2, 520, "#fff6e4")
    stage.softbox((5, 3, 3), (0, 0, 0.6), 3, 150)
    leaf = Surface(roughness=0.35)
    veins = leaf.calculate("ABSOLUTE", leaf.along("Y"))
    ribs = leaf.calculate(
        "FRACT",
        leaf.calculate(
            "ADD",
            leaf.calculate("MULTIPLY", leaf.along("X"), 0.8),
            leaf.calculate("MULTIPLY", veins, -0.7),
        ),
    )
    near = leaf.ramp(
        leaf.calculate("MINIMUM", veins, leaf.calculate("MULTIPLY", ribs, 0.8)),
        (0.02, "#b5d67a"),
        (0.07, "#4f9426"),
    )
    mottle = leaf.ramp(leaf.noise(3, 6), (0.3, "#a0b090"), (0.7, "#ffffff"))
    leaf.set(base_color=leaf.blend(0.7, near, mottle, "MULTIPLY"))
    leaf.bump(leaf.noise(9, 5), 0.2, 0.05)

    def blade(u: float, v: float) -> Point:
        x, y = 9 * (u - 0.5), 5.2 * (v - 0.5) * math.sin(math.pi * (0.12 + 0.82 * u)) ** 0.6
        return (
            x,
            y,
            0.05 * abs(y) ** 1.8
            - 0.05 * math.exp(-((y / 0.08) ** 2))
            - 0.02 * x * x
            + 0.04 * rough(x * 0.7, y * 0.7, 1),
        )

    place(sheet(blade, 120, 80, leaf), (0, 0, 0), (0, 6, 24))
    place(_beetle(), (0.05, -0.1, 0.0), (0, 2, 214))
    far = foliage("#8fc04a", "#2f6a1a")
    chance = random.Random(5)
    for _ in range(22):
        ball(
            chance.uniform(0.8, 1.8),
            (chance.uniform(-9, 9), chance.uniform(9, 13), chance.uniform(-5, 3)),
            far,
            (1, 0.3, 1.5),
            (0, chance.uniform(-40, 40), 0),
        )
    stage.camera((0.5, -5.6, 3.3), (0, 0, 0.42), 66, 0.07, (-0.1, -0.6, 0.6))


def _beetle() -> Thing:
    red = Surface(roughness=0.1, coat_weight=0.8)
    x, y = red.along("X"), red.along("Y")
    spots = "#ffffff"
    for sx, sy, size in (
        (0.42, 0.36, 0.17),
        (0.42, -0.36, 0.17),
        (-0.12, 0.5, 0.19),
        (-0.12, -0.5, 0.19),
        (-0.58, 0.3, 0.15),
        (-0.58, -0.3, 0.15),
        (0.72, 0.0, 0.17),
    ):
        dx, dy = red.calculate("SUBTRACT", x, sx), red.calculate("SUBTRACT", y, sy)
        spot = red.ramp(red.length(dx, dy), (size, "#000000"), (size + 0.03, "#ffffff"))
        spots = red.blend(1.0, spots, spot, "MULTIPLY")
    seam = red.ramp(red.calculate("ABSOLUTE", y), (0.008, "#000000"), (0.025, "#ffffff"))
    red.set(base_color=red.blend(red.blend(1.0, spots, seam, "MULTIPLY"), "#0a0504", "#c81404"))

    def shell(u: float, v: float) -> Point:
        angle, rise = 2 * math.pi * u, math.pi / 2 * v
        return (
            1.0 * math.cos(rise) * math.cos(angle),
            0.84 * math.cos(rise) * math.sin(angle),
            0.22 + 0.62 * math.sin(rise),
        )

    body = sheet(shell, 72, 32, red, closed=True)
    black, white = plain("#0c0a0a", 0.2), plain("#f2ecdc", 0.4)
    parts = [
        ball(0.95, (0, 0, 0.22), black, (1.0, 0.82, 0.14)),
        ball(0.5, (0.86, 0, 0.34), black, (0.62, 1.0, 0.62)),
        ball(0.3, (1.2, 0, 0.26), black, (0.7, 0.9, 0.7)),
    ]
    for side in (-1, 1):
        parts.append(ball(0.12, (0.98, 0.34 * side, 0.44), white, (0.7, 0.9, 0.9)))
        parts.append(ball(0.05, (1.36, 0.1 * side, 0.36), white, (0.5, 1, 1)))
        parts.append(
            tube(
                [(1.3, 0.12 * side, 0.28), (1.5, 0.25 * side, 0.36), (1.62, 0.3 * side, 0.3)],
                0.022,
                black,
            )
        )
        for foot in (0.6, 0.0, -0.55):
            parts.append(
                tube(
                    [
                        (foot, 0.6 * side, 0.2),
                        (foot * 1.2, 1.0 * side, 0.26),
                        (foot * 1.3, 1.18 * side, 0.02),
                        (foot * 1.4, 1.3 * side, 0.02),
                    ],
                    0.05,
                    black,
                )
            )
    for part in parts:
        part.parent = body
    return body
