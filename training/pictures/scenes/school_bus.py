"""A yellow school bus on a street."""

from .. import stage
from ..curves import tube
from ..materials import Surface, plain
from ..roads import DARK_GLASS, street, wheel
from ..shapes import box, rod, words


def build() -> None:
    stage.sky("#3a78c4", "#c4def2", 0.45, 1.0, 5)
    stage.sun(44, 218, 4.2)
    street()
    yellow = plain("#f2a100", 0.28, coat_weight=0.4)
    black, pane = plain("#141414", 0.5), Surface(DARK_GLASS, 0.06)
    box((8.2, 2.5, 2.25), (0.6, 0, 1.95), yellow, 0.22)
    box((8.0, 2.3, 0.3), (0.6, 0, 3.02), plain("#f4e9c8", 0.4), 0.12)
    box((1.75, 2.1, 1.05), (-4.2, 0, 1.3), yellow, 0.22)
    for height in (1.02, 1.42, 1.98):
        box((8.1, 2.56, 0.09), (0.65, 0, height), black, 0.02)
    for x in range(8):
        box((0.78, 2.53, 0.72), (-2.15 + 0.92 * x, 0, 2.44), black, 0.05)
        box((0.68, 2.56, 0.62), (-2.15 + 0.92 * x, 0, 2.44), pane, 0.05)
    box((0.1, 2.1, 0.95), (-3.5, 0, 2.42), black, 0.08)
    for y in (-0.52, 0.52):
        box((0.1, 0.96, 0.82), (-3.54, y, 2.42), pane, 0.05)
    box((0.06, 1.25, 0.6), (-5.07, 0, 1.35), black, 0.03)
    box((0.35, 2.4, 0.3), (-5.15, 0, 0.78), black, 0.06)
    lamp, red = (
        Surface("#fff6df", 0.1, emission_color="#fff6df", emission_strength=0.6),
        Surface("#d01010", 0.15, emission_color="#d01010", emission_strength=0.5),
    )
    amber = Surface("#ff9a10", 0.15, emission_color="#ff9a10", emission_strength=0.5)
    for y in (-0.82, 0.82):
        rod(0.17, 0.1, (-5.08, y, 1.35), lamp, 0.02, (0, 90, 0))
    for y, light in ((-1.0, red), (-0.7, amber), (0.7, amber), (1.0, red)):
        rod(0.11, 0.1, (-3.5, y, 3.0), light, 0.02, (0, 90, 0))
    words("SCHOOL BUS", 0.19, (-3.53, 0, 3.0), black, (90, 0, -90))
    words("SCHOOL BUS", 0.4, (0.9, -1.285, 1.68), black)
    for x in (-4.0, 2.9):
        for y in (-1.0, 1.0):
            wheel((x, y, 0.52), 0.52, black)
    for y in (-1.5, 1.5):
        tube([(-3.5, y * 0.85, 2.4), (-4.2, y, 2.6), (-4.4, y, 2.3)], 0.03, black)
        box((0.06, 0.22, 0.36), (-4.4, y, 2.15), black, 0.03)
    stage.camera((-9.2, -10.2, 2.6), (-0.85, 0, 1.6), 47)
