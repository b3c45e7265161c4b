"""Solid shapes. Angles are in degrees, z points up."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import bmesh
import bpy

from .materials import Surface

Point = Sequence[float]
Thing = Any  # bpy.types.Object


def mesh(
    points: Iterable[Point], faces: Iterable[Sequence[int]], surface: Surface, smooth: bool = True
) -> Thing:
    data = bpy.data.meshes.new("mesh")
    data.from_pydata([tuple(point) for point in points], [], [tuple(face) for face in faces])
    data.polygons.foreach_set("use_smooth", [smooth] * len(data.polygons))
    return add(data, surface)


def add(data: Any, surface: Surface) -> Thing:
    data.materials.append(surface.material)
    thing = bpy.data.objects.new("thing", data)
    bpy.context.collection.objects.link(thing)
    return thing


def place(
    thing: Thing, at: Point = (0, 0, 0), turn: Point = (0, 0, 0), scale: Point | float = 1
) -> Thing:
    thing.location = at
    thing.rotation_euler = [math.radians(angle) for angle in turn]
    thing.scale = (scale,) * 3 if isinstance(scale, int | float) else scale
    return thing


def copy(thing: Thing, at: Point, turn: Point = (0, 0, 0), scale: Point | float = 1) -> Thing:
    """Adds another object with the same mesh.

    Scenes that need many copies place the original out of sight, below the ground.
    """
    twin = thing.copy()
    bpy.context.collection.objects.link(twin)
    return place(twin, at, turn, scale)


def box(
    size: Point, at: Point, surface: Surface, bevel: float = 0.02, turn: Point = (0, 0, 0)
) -> Thing:
    """Adds a block centred on `at`, with edges rounded by `bevel`."""
    shape = bmesh.new()
    bmesh.ops.create_cube(shape, size=1)
    bmesh.ops.scale(shape, vec=size, verts=shape.verts)
    return place(_rounded(shape, surface, bevel), at, turn)


def rod(
    radius: float, height: float, at: Point, surface: Surface,
    bevel: float = 0.0, turn: Point = (0, 0, 0), top: float | None = None, sides: int = 48,
) -> Thing:  # fmt: skip
    """Adds a cylinder centred on `at`, or a cone if `top` gives another radius."""
    shape = bmesh.new()
    bmesh.ops.create_cone(
        shape, cap_ends=True, segments=sides, depth=height,
        radius1=radius, radius2=radius if top is None else top,
    )  # fmt: skip
    return place(_rounded(shape, surface, bevel), at, turn)


def _rounded(shape: Any, surface: Surface, bevel: float) -> Thing:
    data = bpy.data.meshes.new("mesh")
    shape.to_mesh(data)
    shape.free()
    data.shade_smooth()
    thing = add(data, surface)
    if bevel:
        modifier = thing.modifiers.new("bevel", "BEVEL")
        modifier.width, modifier.segments, modifier.limit_method = bevel, 3, "ANGLE"
        modifier.harden_normals = True
    else:
        thing.data.set_sharp_from_angle(angle=math.radians(40))
    return thing


def ball(
    radius: float, at: Point, surface: Surface, scale: Point | float = 1, turn: Point = (0, 0, 0)
) -> Thing:
    def point(u: float, v: float) -> Point:
        ring = radius * math.sin(math.pi * v)
        angle = 2 * math.pi * u
        return ring * math.cos(angle), ring * math.sin(angle), -radius * math.cos(math.pi * v)

    return place(sheet(point, 64, 48, surface, closed=True), at, turn, scale)


def sheet(
    point: Callable[[float, float], Point],
    columns: int,
    rows: int,
    surface: Surface,
    closed: bool = False,
) -> Thing:
    """Adds the surface point(u, v), u and v from 0 to 1; `closed` joins its ends along u."""
    wide = columns if closed else columns + 1
    points = [point(i / columns, j / rows) for j in range(rows + 1) for i in range(wide)]
    faces = [
        (
            j * wide + i,
            j * wide + (i + 1) % wide,
            (j + 1) * wide + (i + 1) % wide,
            (j + 1) * wide + i,
        )
        for j in range(rows)
        for i in range(columns)
    ]
    return mesh(points, faces, surface)


def panel(outline: Sequence[Point], depth: float, surface: Surface, bevel: float = 0.0) -> Thing:
    """Adds a flat plate with this outline in the x-z plane and a thickness of `depth`."""
    shape = bmesh.new()
    corners = [shape.verts.new((x, -depth / 2, z)) for x, z in outline]
    face = shape.faces.new(corners)
    extruded = bmesh.ops.extrude_face_region(shape, geom=[face])["geom"]
    moved = [part for part in extruded if isinstance(part, bmesh.types.BMVert)]
    bmesh.ops.translate(shape, vec=(0, depth, 0), verts=moved)
    bmesh.ops.recalc_face_normals(shape, faces=shape.faces)
    return _rounded(shape, surface, bevel)


def words(text: str, size: float, at: Point, surface: Surface, turn: Point = (90, 0, 0)) -> Thing:
    data = bpy.data.curves.new("words", "FONT")
    data.body, data.size, data.extrude = text, size, size * 0.01
    data.align_x, data.align_y = "CENTER", "CENTER"
    return place(add(data, surface), at, turn)
