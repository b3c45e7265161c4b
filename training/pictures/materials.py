"""Physically based materials."""

from typing import Any

import bpy

from .nodes import Graph, Socket


class Surface(Graph):
    """A material with one Principled shader; keyword arguments set the shader's inputs."""

    def __init__(self, colour: Any = "#cccccc", roughness: Any = 0.5, **inputs: Any) -> None:
        self.material = bpy.data.materials.new("surface")
        self.material.use_nodes = True
        super().__init__(self.material.node_tree)
        self.shader = self.tree.nodes["Principled BSDF"]
        self.set(base_color=colour, roughness=roughness, **inputs)

    def set(self, **inputs: Any) -> "Surface":
        for name, value in inputs.items():
            title = "IOR" if name == "ior" else name.replace("_", " ").title()
            self.connect(value, self.shader.inputs[title])
        return self

    def bump(self, height: Socket, strength: float = 0.3, distance: float = 0.05) -> "Surface":
        """Adds a bump map from a height texture: it changes the shading, not the outline."""
        node = self.node("ShaderNodeBump", height=height, strength=strength, distance=distance)
        return self.set(normal=node.outputs[0])


def plain(colour: str, roughness: float = 0.5, **inputs: Any) -> Surface:
    """Returns paint, plastic or ceramic: one colour with a slightly uneven gloss."""
    surface = Surface(colour, **inputs)
    spots = surface.noise(6, vector=surface.place("Object"))
    low, high = max(roughness - 0.08, 0), min(roughness + 0.08, 1)
    node = surface.node("ShaderNodeMapRange", i0=spots, i3=low, i4=high)
    return surface.set(roughness=node.outputs[0])


def metal(colour: str, roughness: float = 0.3) -> Surface:
    """Returns polished or brushed metal of one colour."""
    return plain(colour, roughness, metallic=1.0)


def glass(colour: str = "#ffffff", roughness: float = 0.0, ior: float = 1.45) -> Surface:
    """Returns glass with a transparent shadow, so that the renderer needs no caustics."""
    surface = Surface(colour, roughness, transmission_weight=1.0, ior=ior)
    clear = surface.node("ShaderNodeBsdfTransparent", color=colour)
    rays = surface.node("ShaderNodeLightPath")
    mixed = surface.node(
        "ShaderNodeMixShader",
        i0=rays.outputs["Is Shadow Ray"], i1=surface.shader.outputs[0], i2=clear.outputs[0],
    )  # fmt: skip
    output = surface.tree.nodes["Material Output"]
    surface.connect(mixed.outputs[0], output.inputs["Surface"])
    return surface


def glow(colour: str, strength: float) -> Surface:
    """Returns a surface that emits light and illuminates its surroundings."""
    return Surface(colour, emission_color=colour, emission_strength=strength)


def wood(
    dark: str, light: str, scale: float = 1.0, axis: str = "X", roughness: float = 0.45
) -> Surface:
    """Returns wood with its grain along `axis`."""
    surface = Surface(roughness=roughness)
    stretch = [0.08 * scale if name == axis else scale for name in "XYZ"]
    vector = surface.place(scale=stretch)
    rings = surface.noise(4, 6, 1.5, vector)
    fibres = surface.noise(40, 3, 0, vector)
    grain = surface.calculate(
        "ADD",
        surface.calculate("MULTIPLY", rings, 0.8),
        surface.calculate("MULTIPLY", fibres, 0.35),
    )
    surface.set(base_color=surface.ramp(grain, (0.35, dark), (0.72, light)))
    return surface.bump(fibres, 0.15, 0.02)


def stone(dark: str, light: str, scale: float = 1.0) -> Surface:
    """Returns rough, stained stone without joints."""
    surface = Surface(roughness=0.85)
    stains = surface.noise(1.5 * scale, 8)
    surface.set(base_color=surface.ramp(stains, (0.3, dark), (0.7, light)))
    return surface.bump(surface.noise(18 * scale, 8), 0.5, 0.03 / scale)


def masonry(colours: tuple[str, str, str], scale: float, plane: str = "XZ") -> Surface:
    """Returns courses of stone or brick for walls that are parallel to `plane`."""
    surface = Surface(roughness=0.85)
    place = surface.place()
    across, up = surface.along(plane[0], place), surface.along(plane[1], place)
    flat = surface.node("ShaderNodeCombineXYZ", i0=across, i1=up).outputs[0]
    bricks = surface.bricks(scale, colours, flat)
    stains = surface.ramp(surface.noise(0.8, 6), (0.25, "#8f8a80"), (0.7, "#ffffff"))
    surface.set(base_color=surface.blend(0.6, bricks.outputs[0], stains, "MULTIPLY"))
    rough = surface.calculate("SUBTRACT", surface.noise(12, 6), bricks.outputs[1])
    return surface.bump(rough, 0.5, 0.05)


def cloth(colour: str, weave: float = 60.0) -> Surface:
    """Returns woven cloth with a thread density of `weave`."""
    surface = Surface(colour, 0.9, sheen_weight=0.3)
    threads = surface.calculate("ADD", surface.waves(weave, "X"), surface.waves(weave, "Y"))
    return surface.bump(threads, 0.3, 0.01)
