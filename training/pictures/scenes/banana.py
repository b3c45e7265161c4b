"""Three ripe bananas on a board."""

import math

from .. import stage
from ..curves import smooth_line, trace
from ..materials import Surface, wood
from ..places import table
from ..shapes import Point, Thing, place, sheet


def build() -> None:
    table(wood("#8a6238", "#c79a63", 0.7))
    skin = Surface(roughness=0.45)
    ripe = skin.ramp(skin.noise(1.3, 3), (0.3, "#f2b70c"), (0.7, "#ffd02e"))
    freckles = skin.ramp(skin.noise(16, 3, 0.4), (0.66, "#000000"), (0.7, "#ffffff"))
    along = skin.along("X", skin.place("Generated"))
    tips = skin.ramp(
        along,
        (0.0, "#3c2a12"),
        (0.035, "#8d8a2a"),
        (0.12, "#ffffff"),
        (0.95, "#ffffff"),
        (0.99, "#3a2a14"),
    )
    spotted = skin.blend(freckles, ripe, "#7a4a12")
    skin.set(base_color=skin.blend(1.0, spotted, tips, "MULTIPLY"))
    for turn, at, lean in (
        (-6, (0, -0.55, 0.46), 8),
        (4, (0.12, 0.2, 0.5), -4),
        (13, (0.2, 0.95, 0.55), -14),
    ):
        place(_banana(skin), at, (lean, 0, turn))
    stage.camera((0.0, -5.4, 4.6), (0.0, 0.4, 0.35), 53, 0.06)


def _banana(skin: Surface) -> Thing:
    bend = trace(
        "-1.95,1.05 -1.8,0.8 -1.45,0.36 -0.8,0.02 0,-0.1 0.8,0.05 1.4,0.4 1.72,0.75 1.8,0.86"
    )
    line = smooth_line([(x, y, 0) for x, y in bend], 8)
    widths = [0.11, 0.13, 0.27, 0.4, 0.43, 0.41, 0.3, 0.13, 0.06]
    radii = smooth_line([(width, 0, 0) for width in widths], 8)

    def point(u: float, v: float) -> Point:
        step = round(u * (len(line) - 1))
        ahead = line[min(step + 1, len(line) - 1)] - line[max(step - 1, 0)]
        side = (ahead.y, -ahead.x)
        size = math.hypot(*side)
        angle = 2 * math.pi * v
        radius = radii[step][0] * (1 + 0.05 * math.cos(5 * angle))
        out = radius * math.cos(angle) / size
        return line[step].x + out * side[0], line[step].y + out * side[1], radius * math.sin(angle)

    return sheet(point, len(line) - 1, 40, skin)
