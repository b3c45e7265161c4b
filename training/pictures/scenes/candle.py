"""A burning candle in a dark room."""

import math
import random

from .. import stage
from ..curves import lathe, trace, tube
from ..materials import Surface, glow, metal, plain, wood
from ..places import room
from ..shapes import Point, ball, place, rod


def build() -> None:
    room("#2a1a12", wood("#2a180d", "#5e3c22", 0.5), 0.25)
    stage.softbox((-4, -5, 3), (0, 0, 1.2), 3, 60, "#ffc58a")
    wax = Surface(
        "#f7ecd6",
        0.45,
        subsurface_weight=1.0,
        subsurface_radius=(0.8, 0.4, 0.2),
        subsurface_scale=0.4,
    )
    height = wax.along("Z", wax.place("Generated"))
    lit = wax.ramp(height, (0.35, "#000000"), (0.75, "#5a2205"), (1.0, "#ff9c3a"))
    wax.set(emission_color=lit, emission_strength=0.55)
    lathe(trace("0,0 0.86,0 0.88,0.05 0.88,2.3 0.84,2.42 0.76,2.4 0.6,2.26 0,2.2"), wax)
    for angle, long in ((200, 1.1), (262, 0.7), (318, 1.5), (290, 0.45)):
        x, y = 0.86 * math.cos(math.radians(angle)), 0.86 * math.sin(math.radians(angle))
        tube(
            [
                (x * 0.95, y * 0.95, 2.4),
                (x * 1.02, y * 1.02, 2.3),
                (x * 1.04, y * 1.04, 2.3 - long),
            ],
            0.07,
            wax,
            taper=[1, 0.9, 1.3],
        )
    rod(0.025, 0.4, (0, 0, 2.4), plain("#1a120c", 0.9))
    _flame((0, 0, 2.52), 0.95)
    stage.bulb((0, 0, 3.05), 420, "#ffab55", 0.25)
    lathe(
        trace("0,0.02 1.3,0.02 1.55,0.1 1.62,0.22 1.55,0.2 1.3,0.08 0,0.06"), metal("#a8803a", 0.28)
    )
    chance = random.Random(2)
    for _ in range(26):
        far = chance.uniform(7.5, 8.4)
        lamp = glow(chance.choice(("#ff9a3c", "#ffcf6b", "#ff6a2a")), chance.uniform(1.5, 5))
        ball(0.07, (chance.uniform(-5, 5), far, chance.uniform(0.6, 6)), lamp)
    stage.camera((0, -8.6, 2.7), (0, 0, 1.95), 62, 0.16, (0, -0.8, 2.2))


def _flame(at: Point, tall: float) -> None:
    fire = Surface("#000000", 1.0)
    height = fire.along("Z", fire.place("Generated"))
    colour = fire.ramp(
        height,
        (0.0, "#2a3fd0"),
        (0.14, "#ff7a1a"),
        (0.4, "#ffd070"),
        (0.75, "#ffc14a"),
        (1.0, "#ff8a1f"),
    )
    fire.set(emission_color=colour, emission_strength=9)
    flame = lathe(trace("0,0 0.12,0.08 0.2,0.3 0.15,0.6 0.05,0.88 0,1"), fire)
    flame.visible_shadow = False
    place(flame, at, (0, 0, 0), (tall, tall, tall * 1.1))
