"""A striped lighthouse on a rock."""

import math

from .. import stage
from ..curves import lathe, ring, trace
from ..materials import Surface, glass, plain
from ..nature import floor, land, rough, water
from ..shapes import Point, box, mesh, place, rod


def build() -> None:
    stage.sky("#1c63c4", "#b5d8f2", 0.35, 1.0, 2.2)
    stage.sun(38, 215, 4.2)
    floor(water("#0a3a5c", 0.8, 0.3), 900, 0)
    rock = _rock("#6b5a48", "#a8957a", "#6f8a3a")

    def head(x: float, y: float) -> float:
        away = math.hypot(x + 2, (y - 4) * 0.8)
        return 3.0 - 0.006 * away**3 + 0.9 * rough(x * 0.25, y * 0.25, 4) - max(0, away - 11) * 0.5

    land(rock, (0, 4), (46, 46), head, 220)
    stripes = Surface(roughness=0.45)
    band = stripes.calculate("FRACT", stripes.calculate("MULTIPLY", stripes.along("Z"), 1 / 5.2))
    dirt = stripes.ramp(
        stripes.noise(1.2, 6, 0, stripes.place(scale=(1, 1, 0.3))),
        (0.3, "#c9c2b4"),
        (0.65, "#ffffff"),
    )
    paint = stripes.ramp(band, (0.495, "#c01818"), (0.505, "#f4f1ea"))
    stripes.set(base_color=stripes.blend(0.7, paint, dirt, "MULTIPLY"))
    tower = lathe(trace("2.1,0 1.85,3 1.62,6.5 1.42,10.4 1.4,10.4"), stripes, sharp=True)
    place(tower, (0, 4, 2.6))
    _lantern((0, 4, 13))
    white, roof = plain("#f2efe6", 0.7), plain("#a83222", 0.7)
    box((4.2, 3, 2.2), (-4.6, 4.6, 3.5), white, 0.03)
    mesh(
        trace("-6.9,2.9,4.55 -2.3,2.9,4.55 -2.3,6.3,4.55 -6.9,6.3,4.55 -6.9,4.6,6.1 -2.3,4.6,6.1"),
        [(0, 1, 5, 4), (2, 3, 4, 5), (0, 4, 3), (1, 2, 5)],
        roof,
        smooth=False,
    )
    dark = plain("#22303a", 0.2)
    for x in (-5.7, -4.6, -3.5):
        box((0.5, 0.1, 0.8), (x, 3.08, 3.6), dark, 0.02)
    for height, y in ((5.2, 2.1), (9.4, 2.43)):
        box((0.5, 0.3, 0.9), (0.1, y, height), dark, 0.02)
    stage.camera((5.5, -24, 4.6), (-1.0, 4, 8.2), 44)


def _rock(dark: str, light: str, grassy: str) -> Surface:
    """Returns a surface with rock on slopes and grass on flat ground."""
    surface = Surface(roughness=0.95)
    layers = surface.ramp(
        surface.noise(0.7, 9, 0.5, surface.place(scale=(1, 1, 2.5))), (0.3, dark), (0.7, light)
    )
    normal = surface.node("ShaderNodeNewGeometry").outputs["Normal"]
    flat = surface.calculate(
        "ADD", surface.along("Z", normal), surface.calculate("MULTIPLY", surface.noise(0.9, 6), 0.3)
    )
    green = surface.ramp(surface.noise(3, 6), (0.3, "#3f5a20"), (0.7, grassy))
    surface.set(
        base_color=surface.blend(
            surface.ramp(flat, (0.92, "#000000"), (1.0, "#ffffff")), layers, green
        )
    )
    return surface.bump(surface.noise(4, 9), 0.8, 0.3)


def _lantern(foot: Point) -> None:
    x, y, z = foot
    black = plain("#1a1c1e", 0.4)
    rod(2.0, 0.25, (x, y, z + 0.1), black)
    for step in range(20):
        angle = 2 * math.pi * step / 20
        rod(
            0.04,
            0.9,
            (x + 1.9 * math.cos(angle), y + 1.9 * math.sin(angle), z + 0.65),
            black,
            sides=8,
        )
    ring(1.9, 0.05, (x, y, z + 1.1), black)
    rod(0.95, 1.7, (x, y, z + 1.1), glass("#dff2f5"))
    rod(
        0.45,
        1.3,
        (x, y, z + 1.0),
        Surface("#ffe9a8", 0.3, emission_color="#ffd97a", emission_strength=1.2),
    )
    for step in range(8):
        angle = 2 * math.pi * step / 8
        rod(
            0.05,
            1.7,
            (x + 0.97 * math.cos(angle), y + 0.97 * math.sin(angle), z + 1.1),
            black,
            sides=8,
        )
    lathe(
        trace("1.25,1.9 1.1,2.15 0.6,2.75 0.15,3.0 0.12,3.3 0.2,3.45 0,3.6"), plain("#a81c18", 0.4)
    ).location = foot
