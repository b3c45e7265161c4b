"""A lit table lamp with a pleated shade."""

import math

from .. import stage
from ..curves import lathe, ring, trace
from ..materials import Surface, glow, metal, plain, wood
from ..places import room
from ..shapes import Point, ball, rod, sheet


def build() -> None:
    room("#8a5f3e", wood("#4a2c18", "#7c5130", 0.5), 0.12)
    fabric = Surface("#f6dfb8", 0.9)
    weave = fabric.ramp(
        fabric.noise(30, 2, 0, fabric.place(scale=(1, 1, 8))), (0.3, "#e8c48c"), (0.7, "#fff0d2")
    )
    shine = fabric.node("ShaderNodeBsdfTranslucent", color=weave)
    mixed = fabric.node(
        "ShaderNodeMixShader", i0=0.6, i1=fabric.shader.outputs[0], i2=shine.outputs[0]
    )
    fabric.connect(mixed.outputs[0], fabric.tree.nodes["Material Output"].inputs["Surface"])

    def shade(u: float, v: float) -> Point:
        angle = 2 * math.pi * u
        radius = 1.75 - 0.95 * v + 0.12 * (1 - v) ** 3
        pleat = 1 + 0.012 * math.cos(56 * angle)
        return radius * pleat * math.cos(angle), radius * pleat * math.sin(angle), 2.15 + 1.75 * v

    sheet(shade, 448, 24, fabric, closed=True)
    trim = plain("#b98a3e", 0.6)
    for radius, height in ((1.88, 2.15), (0.81, 3.9)):
        ring(radius, 0.045, (0, 0, height), trim)
    base = Surface("#1f5f5a", 0.12, coat_weight=0.5)
    lathe(
        trace("0,0.1 0.55,0.1 0.5,0.25 0.35,0.4 0.62,0.85 0.66,1.15 0.4,1.6 0.18,1.85 0.16,2.0"),
        base,
    )
    brass = metal("#c79a4a", 0.25)
    rod(0.72, 0.12, (0, 0, 0.06), brass, 0.03)
    rod(0.05, 1.0, (0, 0, 2.4), brass)
    ball(0.24, (0, 0, 2.95), glow("#ffd9a0", 14), (1, 1, 1.25)).visible_shadow = False
    stage.bulb((0, 0, 2.95), 330, "#ffc27a", 0.26)
    stage.softbox((-5, -5, 4), (0, 0, 1.5), 4, 110, "#ffe6cc")
    stage.camera((0.3, -9.4, 2.5), (0, 0, 2.2), 62, 0.06)
