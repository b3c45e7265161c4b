"""A moving van at the kerb."""

from .. import stage
from ..curves import trace, tube
from ..materials import Surface, metal, plain
from ..roads import DARK_GLASS, street, wheel
from ..shapes import box, panel, place, words


def build() -> None:
    stage.sky("#4a86cc", "#d2e5f4", 0.5, 1.0, 11)
    stage.sun(42, 222, 4.2)
    street()
    white, blue = plain("#f3f2ee", 0.3), plain("#184fa8", 0.28, coat_weight=0.4)
    black, pane = plain("#141414", 0.5), Surface(DARK_GLASS, 0.06)
    box((6.2, 2.5, 2.7), (1.0, 0, 2.2), white, 0.06)
    box((6.24, 2.54, 0.5), (1.0, 0, 1.25), blue, 0.03)
    for height in (0.84, 3.55):
        box((6.28, 2.56, 0.1), (1.0, 0, height), metal("#b9bec2", 0.35), 0.02)
    words("MOVERS", 1.05, (1.0, -1.285, 2.5), blue)
    cab = trace("-2.2,0.55 -2.2,2.75 -2.75,2.75 -3.35,1.85 -4.5,1.6 -4.65,1.4 -4.65,0.55")
    panel(cab, 2.15, blue, 0.1)
    place(panel(trace("-2.35,1.8 -2.35,2.55 -2.75,2.55 -3.2,1.8"), 2.19, pane, 0.02), (0, 0, 0))
    box((0.04, 1.8, 0.95), (-3.09, 0, 2.3), pane, 0.02, (0, 33.7, 0))
    box((0.08, 1.3, 0.42), (-4.66, 0, 1.1), black, 0.03)
    box((0.3, 2.15, 0.26), (-4.68, 0, 0.62), metal("#b9bec2", 0.25), 0.05)
    lamp = Surface("#fff6df", 0.1, emission_color="#fff6df", emission_strength=0.6)
    for y in (-0.85, 0.85):
        box((0.08, 0.3, 0.26), (-4.66, y, 1.12), lamp, 0.03)
        wheel((-3.6, y * 1.05, 0.48), 0.48, black)
        wheel((2.6, y * 1.2, 0.48), 0.48, black)
        tube([(-2.9, y * 1.25, 2.0), (-3.1, y * 1.6, 2.1)], 0.03, black)
        box((0.06, 0.22, 0.4), (-3.1, y * 1.6, 2.05), black, 0.03)
    box((6.4, 1.2, 0.3), (0.4, 0, 0.7), black, 0.03)
    stage.camera((-9.0, -9.6, 2.4), (-0.55, 0, 1.85), 53)
