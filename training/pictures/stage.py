"""Setup of a scene: clearing it, the camera and the lights."""

import math
from collections.abc import Sequence

import bpy
from mathutils import Vector

from .colours import rgb
from .nodes import Graph

Point = Sequence[float]


def clear() -> None:
    """Empties the scene and selects a view transform that keeps the chosen colours."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    view = bpy.context.scene.view_settings
    view.view_transform, view.look, view.exposure = "Khronos PBR Neutral", "None", 0.0


def camera(
    position: Point, target: Point, length: float = 50, blur: float = 0, focus: Point | None = None
) -> None:
    """Adds a camera at `position` that points at `target`, with a focal length in millimetres.

    `blur` is the radius of the lens opening in scene units. The camera focuses on `focus`,
    by default on `target`.
    """
    data = bpy.data.cameras.new("camera")
    data.lens, data.clip_end = length, 5000
    camera = _add(data, position, target)
    if blur:
        data.dof.use_dof = True
        data.dof.focus_distance = (Vector(focus or target) - Vector(position)).length
        data.dof.aperture_fstop = length / 1000 / (2 * blur)
    bpy.context.scene.camera = camera


def sun(
    height: float, bearing: float, strength: float = 4, colour: str = "#fff1dc", size: float = 1
) -> None:
    """Adds parallel light from `height` degrees above the horizon.

    A bearing of 0 is behind the scene, 90 is to its right.
    """
    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.color, data.angle = strength, rgb(colour)[:3], math.radians(size)
    up, turn = math.radians(height), math.radians(bearing)
    _add(
        data,
        (math.sin(turn) * math.cos(up), math.cos(turn) * math.cos(up), math.sin(up)),
        (0, 0, 0),
    )


def softbox(
    position: Point, target: Point, size: float, power: float, colour: str = "#ffffff"
) -> None:
    """Adds a square lamp with sides of `size` units and a power in watts."""
    data = bpy.data.lights.new("softbox", "AREA")
    data.energy, data.size, data.color = power, size, rgb(colour)[:3]
    _add(data, position, target)


def bulb(position: Point, power: float, colour: str = "#ffb066", radius: float = 0.05) -> None:
    data = bpy.data.lights.new("bulb", "POINT")
    data.energy, data.shadow_soft_size, data.color = power, radius, rgb(colour)[:3]
    _add(data, position, (0, 0, 0))


def surroundings(low: str, high: str, strength: float = 1) -> None:
    """Adds light from all sides, with a gradient from the colour `low` up to `high`."""
    graph = _world(strength)
    height = graph.along("Z", graph.place("Generated"))
    share = graph.node("ShaderNodeMapRange", i0=height, i1=-0.3, i2=0.9).outputs[0]
    _light(graph, graph.ramp(share, (0, low), (1, high)))


def sky(
    zenith: str = "#2a6fc9",
    horizon: str = "#bfdcf2",
    clouds: float = 0.5,
    strength: float = 1,
    shift: float = 0,
) -> None:
    """Adds a daylight sky.

    `clouds` sets the share of the sky that clouds cover, `shift` selects the cloud pattern.
    """
    graph = _world(strength)
    direction = graph.place("Generated")
    height = graph.calculate("MAXIMUM", graph.along("Z", direction), 0.0)
    blue = graph.ramp(graph.calculate("POWER", height, 0.6), (0, horizon), (0.75, zenith))
    # Directions are projected onto a flat ceiling, so that clouds thicken towards the horizon.
    depth = graph.calculate("ADD", height, 0.12)
    flat = graph.node(
        "ShaderNodeCombineXYZ",
        i0=graph.calculate("DIVIDE", graph.along("X", direction), depth),
        i1=graph.calculate("DIVIDE", graph.along("Y", direction), depth), i2=shift,
    ).outputs[0]  # fmt: skip
    wisps = graph.noise(0.9, 9, 0.3, flat)
    edge = 0.72 - 0.35 * clouds
    cover = graph.node("ShaderNodeMapRange", i0=wisps, i1=edge, i2=edge + 0.16, i4=0.95).outputs[0]
    clear = graph.node("ShaderNodeMapRange", i0=height, i1=0.02, i2=0.2).outputs[0]
    cover = graph.calculate("MULTIPLY", cover, clear)
    shade = graph.ramp(wisps, (edge, "#ffffff"), (min(edge + 0.3, 1), "#c3c9d2"))
    _light(graph, graph.blend(cover, blue, shade))


def _world(strength: float) -> Graph:
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    # This map guides rays to the bright sky. Its size is set here because the size that
    # Blender chooses takes long to fill.
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    bpy.context.scene.world = world
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = strength
    return Graph(world.node_tree)


def _light(graph: Graph, colour: object) -> None:
    graph.connect(colour, graph.tree.nodes["Background"].inputs["Color"])


def _add(data: object, position: Point, target: Point) -> object:
    thing = bpy.data.objects.new("thing", data)
    thing.location = position
    direction = Vector(target) - Vector(position)
    if direction.length:
        thing.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(thing)
    return thing
