"""An orange jellyfish in blue water."""

import math
import random

from .. import stage
from ..curves import tube
from ..materials import Surface
from ..shapes import Point, ball, copy, sheet


def build() -> None:
    stage.surroundings("#021a66", "#1673e0", 0.9)
    stage.softbox((-3, -2, 7), (0, 0, 1), 3, 520, "#cfe6ff")
    stage.softbox((3, 4, 3), (0, 0, 1), 3, 500, "#ffb070")
    gel = _gel("#ff9a4a", "#c8501a", 0.75)
    chance = random.Random(21)

    def bell(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        radius = 1.5 * math.sin(1.75 * v) ** 0.85 if v else 0.0
        frill = 0.06 * v**8 * math.cos(24 * angle)
        return (
            (radius + frill) * math.cos(angle),
            (radius + frill) * math.sin(angle),
            2.6 + 1.15 * math.cos(1.75 * v) + frill,
        )

    sheet(bell, 144, 40, gel, closed=True)
    for number in range(26):
        angle = 2 * math.pi * number / 26 + chance.uniform(-0.08, 0.08)
        _trail(
            chance,
            gel,
            1.36 * math.cos(angle),
            1.36 * math.sin(angle),
            2.35,
            chance.uniform(3.2, 5.0),
            0.028,
            0.5,
        )
    frilled = _gel("#ffe3c9", "#f0a070", 0.55)
    for number in range(7):
        angle = 2 * math.pi * number / 7
        _ruffle(
            chance,
            frilled,
            0.28 * math.cos(angle),
            0.28 * math.sin(angle),
            2.6,
            chance.uniform(2.4, 3.4),
        )
    speck = ball(
        0.02, (0, 0, -99), Surface("#9fd0ff", 0.5, emission_color="#9fd0ff", emission_strength=0.8)
    )
    for _ in range(70):
        copy(
            speck,
            (chance.uniform(-6, 6), chance.uniform(-1, 9), chance.uniform(-3, 6)),
            scale=chance.uniform(0.4, 1.3),
        )
    stage.camera((1.2, -10, -0.4), (0.1, 0, 1.35), 50, 0.06)


def _gel(light: str, dark: str, solid: float) -> Surface:
    """Returns jelly that is more opaque where it is seen at a flat angle, at its edges."""
    gel = Surface(roughness=0.25)
    edge = gel.node("ShaderNodeLayerWeight", blend=0.35).outputs[1]
    gel.set(
        base_color=gel.ramp(edge, (0.1, dark), (0.8, light)),
        emission_color=gel.ramp(edge, (0.1, dark), (0.8, light)),
        emission_strength=0.35,
    )
    return gel.set(
        alpha=gel.node(
            "ShaderNodeMapRange", i0=edge, i1=0.0, i2=0.8, i3=solid * 0.45, i4=solid
        ).outputs[0]
    )


def _trail(
    chance: random.Random,
    gel: Surface,
    x: float,
    y: float,
    z: float,
    long: float,
    thick: float,
    sway: float,
) -> None:
    phase, points = chance.uniform(0, 6), []
    for step in range(9):
        t = step / 8
        points.append(
            (
                x * (1 - 0.3 * t) + sway * t * math.sin(phase + 4 * t) + 0.5 * t,
                y * (1 - 0.3 * t) + sway * t * math.cos(phase + 3 * t),
                z - long * t,
            )
        )
    tube(points, thick, gel, taper=[1 - 0.8 * step / 8 for step in range(9)])


def _ruffle(chance: random.Random, gel: Surface, x: float, y: float, z: float, long: float) -> None:
    phase = chance.uniform(0, 6)

    def ribbon(u: float, v: float) -> Point:
        wide = 0.34 * math.sin(math.pi * min(v + 0.12, 1)) * (u - 0.5)
        turn = phase + 3 * v
        frill = 0.13 * (abs(u - 0.5) * 2) ** 2 * math.sin(38 * v + phase + 5 * u)
        sway = 0.3 * v * math.sin(phase + 3 * v)
        return (
            x + sway + 0.45 * v + wide * math.cos(turn) - frill * math.sin(turn),
            y + wide * math.sin(turn) + frill * math.cos(turn),
            z - long * v,
        )

    sheet(ribbon, 12, 140, gel)
