"""Ground and water."""

from collections.abc import Callable

from mathutils import Vector, noise

from .materials import Surface
from .shapes import Point, Thing, mesh, sheet


def floor(surface: Surface, extent: float = 60, height: float = 0) -> Thing:
    half = extent / 2
    corners = [
        (-half, -half, height),
        (half, -half, height),
        (half, half, height),
        (-half, half, height),
    ]
    return mesh(corners, [(0, 1, 2, 3)], surface)


def land(
    surface: Surface,
    centre: Point,
    size: Point,
    height: Callable[[float, float], float],
    cells: int = 160,
) -> Thing:
    """Adds terrain over a rectangle around `centre`; its height is a function of x and y."""

    def point(u: float, v: float) -> Point:
        x, y = centre[0] + (u - 0.5) * size[0], centre[1] + (v - 0.5) * size[1]
        return x, y, height(x, y)

    return sheet(point, cells, cells, surface)


def rough(x: float, y: float, seed: float = 0, octaves: int = 6) -> float:
    """Returns fractal noise, from about -1 to 1."""
    return noise.fractal(Vector((x, y, seed)), 1.0, 2.0, octaves)


def turf(light: str = "#7d9440", dark: str = "#3d5a1f", scale: float = 1.0) -> Surface:
    surface = Surface(roughness=0.95)
    patches = surface.noise(0.6 * scale, 10)
    surface.set(base_color=surface.ramp(patches, (0.32, dark), (0.68, light)))
    return surface.bump(surface.noise(14 * scale, 6), 1.0, 0.2 / scale)


def water(colour: str = "#0b2f45", wave: float = 1.0, strength: float = 0.25) -> Surface:
    surface = Surface(colour, 0.06, ior=1.33)
    ripples = surface.noise(wave, 6, 0.4, surface.place(scale=(1, 2.2, 1)))
    return surface.bump(ripples, strength, 0.6 / wave)
