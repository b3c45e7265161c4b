"""Goldfish in a green tank."""

import math
import random

from .. import stage
from ..curves import smooth_line
from ..materials import Surface, plain
from ..nature import land, rough
from ..shapes import Point, Thing, ball, copy, place, sheet


def build() -> None:
    stage.surroundings("#04231c", "#1f7a5a", 0.7)
    stage.softbox((-2, -2, 6), (0, 0, 0), 3, 620, "#f2fff2")
    stage.softbox((4, -4, 1), (0, 0, 0), 3, 220, "#fff0dd")
    pebble = Surface(roughness=0.7)
    stones = pebble.cells(2.2)
    pebble.set(
        base_color=pebble.ramp(
            pebble.along("X", stones.outputs[1]), (0.1, "#5b4a35"), (0.9, "#c2ab86")
        )
    )
    pebble.bump(stones.outputs[0], 1.0, 0.3)
    land(pebble, (0, 5), (40, 30), lambda x, y: -2.35 + 0.25 * rough(x * 0.3, y * 0.3, 3), 80)
    chance = random.Random(17)
    for _ in range(16):
        _weed(chance, (chance.uniform(-6, 6), chance.uniform(3, 8), -2.4))
    place(_fish(), (0.15, 0, 0.1), (0, -6, 12))
    place(_fish(), (2.2, 3.4, 0.9), (0, 8, 160), 0.6)
    bubble = ball(0.06, (0, 0, -99), Surface("#dffcff", 0.05, transmission_weight=1.0, ior=1.05))
    for _ in range(16):
        copy(
            bubble,
            (-2.3 + chance.gauss(0, 0.25), chance.uniform(0, 1.5), chance.uniform(-1, 2.6)),
            scale=chance.uniform(0.5, 1.4),
        )
    stage.camera((-0.2, -9.2, 1.0), (0.7, 0, 0.1), 50, 0.09)


def _fish() -> Thing:
    scales = Surface(roughness=0.4, metallic=0.2)
    cells = scales.cells(9, vector=scales.place(scale=(0.8, 0.4, 1)))
    height = scales.along("Z", scales.place("Generated"))
    tone = scales.ramp(height, (0.2, "#ffb84a"), (0.5, "#ff6a08"), (0.85, "#d83a04"))
    scales.set(
        base_color=scales.blend(
            0.6, tone, scales.ramp(cells.outputs[0], (0.2, "#ffffff"), (0.7, "#b07850")), "MULTIPLY"
        )
    )
    scales.bump(cells.outputs[0], 0.25, 0.05)
    heights = (0.1, 0.44, 0.62, 0.74, 0.81, 0.82, 0.77, 0.66, 0.52, 0.38, 0.27, 0.2)
    tall = smooth_line([(height, 0, 0) for height in heights], 8)

    def trunk(u: float, v: float) -> Point:
        angle, step = 2 * math.pi * u, round(v * (len(tall) - 1))
        half = tall[step][0]
        return (
            -1.7 + 3.3 * v,
            0.66 * half * math.cos(angle) * (1 - 0.45 * v),
            half * math.sin(angle) * (1.05 if math.sin(angle) < 0 else 0.95),
        )

    body = sheet(trunk, 64, len(tall) - 1, scales, closed=True)
    fin = Surface("#ff7a1a", 0.35, alpha=0.9)
    rays = fin.ramp(
        fin.noise(9, 2, 0, fin.place(scale=(0.2, 1, 2))), (0.35, "#ff5a08"), (0.65, "#ffb060")
    )
    fin.set(base_color=rays, emission_color=rays, emission_strength=0.12)

    def tail(u: float, v: float) -> Point:
        spread = (v - 0.5) * 2
        long = u * (1.25 + 0.75 * abs(spread) ** 1.3)
        return (
            1.5 + long,
            0.16 * u * math.sin(5 * spread + 2 * u),
            spread * (0.16 + 0.95 * u**0.8) - 0.12 * u,
        )

    def back(u: float, v: float) -> Point:
        root = 0.72 - 0.38 * u**2
        return (
            -0.6 + 1.5 * u + 0.35 * v,
            0.03 * math.sin(9 * u) * v,
            root + v * (0.62 - 0.25 * u) * math.sin(math.pi * min(0.5, u + 0.08)) ** 0.6,
        )

    def belly(u: float, v: float) -> Point:
        out = v * math.sin(math.pi * u) ** 0.7
        return -0.6 + 0.6 * u + 0.6 * out, -0.3 - 0.3 * out, -0.55 - 0.6 * out + 0.1 * u

    def rear(u: float, v: float) -> Point:
        out = v * math.sin(math.pi * u) ** 0.7
        return 0.5 + 0.5 * u + 0.5 * out, -0.02, -0.5 + 0.22 * u - 0.55 * out

    parts = [sheet(shape, 24, 24, fin) for shape in (tail, back, belly, rear)]
    for side in (-1, 1):
        parts.append(ball(0.13, (-1.3, 0.33 * side, 0.12), plain("#f4d27a", 0.15), (1, 0.5, 1)))
        parts.append(ball(0.08, (-1.31, 0.375 * side, 0.12), plain("#060606", 0.05), (1, 0.5, 1)))
    for part in parts:
        part.parent = body
    return body


def _weed(chance: random.Random, foot: Point) -> None:
    green = plain(chance.choice(("#2f7a30", "#4f9a38", "#1f5f38")), 0.5)
    tall, phase = chance.uniform(2.5, 5), chance.uniform(0, 6)

    def ribbon(u: float, v: float) -> Point:
        wide = 0.4 * (u - 0.5) * math.sin(math.pi * (0.1 + 0.88 * v))
        sway = 0.5 * v * math.sin(phase + 3 * v)
        return (
            foot[0] + sway + wide * math.cos(phase + v),
            foot[1] + wide * math.sin(phase + v),
            foot[2] + tall * v,
        )

    sheet(ribbon, 4, 40, green)
