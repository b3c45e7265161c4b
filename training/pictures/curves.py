"""Shapes that follow a line: solids of revolution and tubes."""

import math
from collections.abc import Sequence
from typing import Any

import bpy
from mathutils import Vector

from .materials import Surface
from .shapes import Point, Thing, add, place, sheet


def trace(text: str) -> list[tuple[float, ...]]:
    """Parses points in SVG notation: "0,0 1.5,2" gives [(0, 0), (1.5, 2)]."""
    return [tuple(float(number) for number in point.split(",")) for point in text.split()]


def smooth_line(points: Sequence[Point], steps: int) -> list[Any]:
    """Returns a Catmull-Rom curve through the points, with `steps` points per segment."""
    ends = [Vector(points[0]), *map(Vector, points), Vector(points[-1])]
    line = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for step in range(steps):
            t = step / steps
            line.append(
                0.5
                * (
                    2 * b
                    + (c - a) * t
                    + (2 * a - 5 * b + 4 * c - d) * t**2
                    + (3 * b - a - 3 * c + d) * t**3
                )
            )
    return [*line, ends[-1]]


def lathe(
    profile: Sequence[Point], surface: Surface, sharp: bool = False, sides: int = 72
) -> Thing:
    """Adds a solid of revolution about z.

    `profile` holds (radius, height) points; `sharp` keeps its corners.
    """
    line = list(profile) if sharp else smooth_line(profile, 8)

    def point(u: float, v: float) -> Point:
        radius, height = line[round(v * (len(line) - 1))]
        return radius * math.cos(2 * math.pi * u), radius * math.sin(2 * math.pi * u), height

    thing = sheet(point, sides, len(line) - 1, surface, closed=True)
    if sharp:
        thing.data.set_sharp_from_angle(angle=math.radians(30))
    return thing


def ring(radius: float, thick: float, at: Point, surface: Surface) -> Thing:
    """Adds a horizontal ring with a round cross-section."""
    turns = [math.pi * step / 12 for step in range(24)]
    line = [(radius * math.cos(turn), radius * math.sin(turn), 0) for turn in turns]
    return place(tube(line, thick, surface, closed=True), at)


def tube(
    points: Sequence[Point],
    radius: float,
    surface: Surface,
    closed: bool = False,
    taper: Sequence[float] = (),
) -> Thing:
    """Adds a tube along a smooth line; `taper` scales its radius at each point."""
    data = bpy.data.curves.new("tube", "CURVE")
    data.dimensions, data.bevel_depth, data.bevel_resolution = "3D", radius, 6
    data.resolution_u, data.use_fill_caps = 12, True
    spline = data.splines.new("NURBS")
    spline.points.add(len(points) - 1)
    for place_, point in enumerate(points):
        spline.points[place_].co = (*point, 1)
        spline.points[place_].radius = taper[place_] if taper else 1
    spline.order_u, spline.use_cyclic_u, spline.use_endpoint_u = 4, closed, not closed
    return add(data, surface)
