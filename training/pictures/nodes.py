"""Procedural textures: short methods that build Blender's shader nodes."""

from collections.abc import Sequence
from typing import Any

from .colours import rgb

Socket = (
    Any  # A node socket of bpy, which creates these classes at run time and has no types for them.
)
Stop = tuple[float, str]


class Graph:
    """A node tree under construction. Most methods add nodes and return an output socket."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def node(self, kind: str, **inputs: Any) -> Any:
        """Adds a node and returns it.

        Inputs are values or sockets, given by index ("i0") or by name.
        """
        node = self.tree.nodes.new(kind)
        for name, value in inputs.items():
            place = int(name[1:]) if name[0] == "i" and name[1:].isdigit() else _title(name)
            self.connect(value, node.inputs[place])
        return node

    def connect(self, value: Any, socket: Socket) -> None:
        """Connects a socket to another one, or sets it to a number, vector or hex colour."""
        if hasattr(value, "is_linked"):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = rgb(value) if isinstance(value, str) else value

    def place(self, kind: str = "Object", scale: Sequence[float] = (1, 1, 1)) -> Socket:
        """Returns the position in the texture coordinates `kind`, multiplied by `scale`."""
        coordinates = self.node("ShaderNodeTexCoord").outputs[kind]
        return self.node("ShaderNodeMapping", vector=coordinates, scale=scale).outputs[0]

    def along(self, axis: str, vector: Socket | None = None) -> Socket:
        """Returns one component of a vector, by default of the object's own coordinates."""
        vector = self.place() if vector is None else vector
        return self.node("ShaderNodeSeparateXYZ", i0=vector).outputs["XYZ".index(axis)]

    def noise(
        self, scale: float, detail: float = 4, distortion: float = 0, vector: Socket | None = None
    ) -> Socket:
        vector = self.place() if vector is None else vector
        return self.node(
            "ShaderNodeTexNoise", vector=vector, scale=scale, detail=detail, distortion=distortion
        ).outputs[0]

    def cells(self, scale: float, feature: str = "F1", vector: Socket | None = None) -> Any:
        """Adds Worley's cellular texture; returns a node with Distance and Color outputs."""
        vector = self.place() if vector is None else vector
        node = self.node("ShaderNodeTexVoronoi", vector=vector, scale=scale)
        node.feature = feature
        return node

    def bricks(
        self, scale: float, colours: Sequence[str], vector: Socket, gap: float = 0.02
    ) -> Any:
        """Adds courses of bricks; returns a node with Color and Fac outputs.

        `colours` are two colours of bricks and the colour of the mortar.
        """
        first, second, mortar = colours
        return self.node(
            "ShaderNodeTexBrick", vector=vector, color1=first, color2=second, mortar=mortar,
            scale=scale, mortar_size=gap,
        )  # fmt: skip

    def waves(
        self, scale: float, axis: str = "X", distortion: float = 0, vector: Socket | None = None
    ) -> Socket:
        vector = self.place() if vector is None else vector
        node = self.node("ShaderNodeTexWave", vector=vector, scale=scale, distortion=distortion)
        node.bands_direction = axis
        return node.outputs[1]

    def ramp(self, value: Socket, *stops: Stop) -> Socket:
        """Returns a colour for each value, interpolated between (value, hex colour) stops."""
        node = self.node("ShaderNodeValToRGB", i0=value)
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, colour) in zip(elements, stops, strict=True):
            element.position, element.color = position, rgb(colour)
        return node.outputs[0]

    def blend(self, share: Any, first: Any, second: Any, mode: str = "MIX") -> Socket:
        """Returns the first colour at a `share` of 0, the second at 1, and blends between."""
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type, node.blend_type = "RGBA", mode
        for place, value in ((0, share), (6, first), (7, second)):
            self.connect(value, node.inputs[place])
        return node.outputs[2]

    def length(self, x: Socket, y: Socket) -> Socket:
        """Returns the distance of the point (x, y) from the origin."""
        squares = (self.calculate("MULTIPLY", side, side) for side in (x, y))
        return self.calculate("SQRT", self.calculate("ADD", *squares))

    def calculate(self, operation: str, first: Any, second: Any = 0.0) -> Socket:
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation = operation
        self.connect(first, node.inputs[0])
        self.connect(second, node.inputs[1])
        return node.outputs[0]


def _title(name: str) -> str:
    return name.upper() if name in {"ior", "w"} else name.replace("_", " ").title()
