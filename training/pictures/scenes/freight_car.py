"""A rusty boxcar in a row of boxcars."""

from .. import stage
from ..materials import Surface, metal, plain
from ..roads import railway
from ..shapes import box, rod, words


def build() -> None:
    stage.sky("#4a80c0", "#d5e4ee", 0.5, 1.0, 14)
    stage.sun(40, 215, 4.0)
    railway()
    rust = Surface(roughness=0.75)
    place_ = rust.place()
    worn = rust.noise(1.1, 9, 0.3, rust.place(scale=(1.5, 1.5, 0.5)))
    rust.set(base_color=rust.ramp(worn, (0.3, "#43160f"), (0.5, "#7e2a1c"), (0.72, "#9a4a34")))
    ribs = rust.calculate("FRACT", rust.calculate("MULTIPLY", rust.along("X", place_), 1.9))
    rust.bump(
        rust.ramp(ribs, (0.36, "#000000"), (0.44, "#ffffff"), (0.56, "#ffffff"), (0.64, "#000000")),
        0.9,
        0.12,
    )
    dark, white = plain("#1c1a19", 0.8), plain("#d9d4c8", 0.8)
    for shift in (0.0, 13.2, -13.2):
        box((12, 2.9, 3.3), (shift, 0, 2.85), rust, 0.04)
        box((12.2, 3.05, 0.16), (shift, 0, 4.55), plain("#5c4a42", 0.7), 0.03)
        box((12.2, 3.0, 0.3), (shift, 0, 1.1), dark, 0.02)
        box((3.2, 3.02, 3.0), (shift, 0, 2.8), plain("#6b2418", 0.7), 0.03)
        for x in (-1.55, 0, 1.55):
            box((0.1, 3.1, 3.0), (shift + x, 0, 2.8), plain("#54190f", 0.7), 0.01)
        for x in (-1.0, 1.0):
            rod(0.05, 2.8, (shift + x, -1.56, 2.8), dark, sides=10)
        words("PRAIRIE", 0.75, (shift - 3.75, -1.5, 3.55), white)
        words("40271", 0.55, (shift - 3.75, -1.5, 2.75), white)
        words("CAPY 154000\nLD LMT 166300", 0.24, (shift + 3.7, -1.5, 2.0), white)
        rod(0.85, 0.02, (shift + 3.8, -1.5, 3.45), white, turn=(90, 0, 0))
        rod(0.68, 0.03, (shift + 3.8, -1.505, 3.45), plain("#7e2a1c", 0.8), turn=(90, 0, 0))
        words("P", 0.95, (shift + 3.8, -1.53, 3.45), white)
        for rung in range(7):
            box((0.5, 0.08, 0.05), (shift - 5.6, -1.52, 1.4 + 0.45 * rung), dark, 0)
        for x in (-4.3, 4.3):
            _bogie(shift + x, dark)
    stage.camera((-6.2, -12.6, 2.7), (-0.4, 0, 2.45), 40)


def _bogie(x: float, dark: Surface) -> None:
    steel = metal("#6a625a", 0.45)
    for wheel in (-0.95, 0.95):
        for y in (-0.78, 0.78):
            rod(0.46, 0.14, (x + wheel, y, 0.5), steel, 0.02, (90, 0, 0))
    for y in (-1.05, 1.05):
        box((2.5, 0.16, 0.34), (x, y, 0.62), dark, 0.05)
        rod(0.2, 0.5, (x, y, 0.62), dark, sides=12)
