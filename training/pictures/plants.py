"""Grass, trees and forests, built from thousands of leaves."""

import math
import random

from mathutils import Vector

from .materials import Surface
from .shapes import Point, Thing, copy, mesh, place, rod


def foliage(light: str, dark: str) -> Surface:
    """Returns the surface of leaves, which let a third of the light through."""
    surface = Surface(roughness=0.55)
    shade = surface.node("ShaderNodeObjectInfo").outputs["Random"]
    mottled = surface.calculate(
        "ADD", surface.calculate("MULTIPLY", shade, 0.5), surface.noise(2, 2)
    )
    colour = surface.ramp(mottled, (0.35, dark), (1.0, light))
    surface.set(base_color=colour)
    through = surface.node("ShaderNodeBsdfTranslucent", color=colour)
    mixed = surface.node(
        "ShaderNodeMixShader", i0=0.35, i1=surface.shader.outputs[0], i2=through.outputs[0]
    )
    surface.connect(mixed.outputs[0], surface.tree.nodes["Material Output"].inputs["Surface"])
    return surface


def grass(
    surface: Surface, chance: random.Random, blade: float, spots: list[Point], width: float = 0.05
) -> None:
    """Adds a tuft at each spot. Blades are `blade` tall and `width` times as wide."""
    tufts = [_tuft(surface, chance, blade, width) for _ in range(6)]
    for tuft in tufts:
        tuft.location = (0, 0, -1000)
    for spot in spots:
        copy(chance.choice(tufts), spot, (0, 0, chance.uniform(0, 360)), chance.uniform(0.6, 1.2))


def _tuft(surface: Surface, chance: random.Random, blade: float, width: float) -> Thing:
    points: list[Point] = []
    faces = []
    for _ in range(28):
        angle, lean = chance.uniform(0, 2 * math.pi), chance.uniform(0.1, 0.8) * blade
        foot = Vector((chance.gauss(0, 0.35), chance.gauss(0, 0.35), -0.05)) * blade
        out = Vector((math.cos(angle), math.sin(angle), 0))
        side = Vector((-out.y, out.x, 0)) * blade * width
        tall = blade * chance.uniform(0.6, 1.1)
        start = len(points)
        for part in (0.0, 0.35, 0.7, 1.0):
            middle = foot + out * lean * part**2 + Vector((0, 0, tall * (part - 0.2 * part**2)))
            points += [middle - side * (1 - part), middle + side * (1 - part)]
        faces += [(start + k, start + k + 1, start + k + 3, start + k + 2) for k in (0, 2, 4)]
    return mesh(points, faces, surface)


def tree(
    leaves: Surface,
    bark: Surface,
    chance: random.Random,
    at: Point,
    height: float,
    leaf: float = 0.035,
) -> Thing:
    """Adds a broad-leaved tree and returns its crown, which can be copied."""
    rod(
        height * 0.035,
        height * 0.6,
        (at[0], at[1], at[2] + height * 0.3),
        bark,
        top=height * 0.02,
        sides=10,
    )
    points: list[Point] = []
    faces = []
    clumps = [
        (
            Vector((chance.gauss(0, 0.15), chance.gauss(0, 0.15), chance.uniform(0.42, 0.85))),
            chance.uniform(0.1, 0.2),
        )
        for _ in range(26)
    ]
    for centre, size in clumps:
        for _ in range(220):
            where = (
                centre
                + Vector([chance.gauss(0, 1) for _ in range(3)]).normalized()
                * size
                * chance.random() ** 0.3
            )
            start = len(points)
            first = Vector([chance.gauss(0, 1) for _ in range(3)]).normalized() * leaf
            second = (
                first.cross(Vector([chance.gauss(0, 1) for _ in range(3)])).normalized()
                * leaf
                * 0.6
            )
            points += [where - first, where + second, where + first, where - second]
            faces.append(range(start, start + 4))
    crown = mesh(points, faces, leaves)
    return place(crown, at, (0, 0, 0), height)


def wood_edge(crown: Thing, chance: random.Random, spots: list[Point], height: float) -> None:
    """Adds a distant forest: a copy of the crown at each spot, about `height` tall."""
    for spot in spots:
        size = height * chance.uniform(0.75, 1.25)
        low = (spot[0], spot[1], spot[2] - 0.3 * size)
        copy(crown, low, (0, 0, chance.uniform(0, 360)), (size * 1.2, size * 1.2, size))
