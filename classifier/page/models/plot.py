"""A plot of accuracy against computations or time as SVG, in the colours of the page."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 400, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 22, 10, 44
RADIUS = 5
LETTER, LINE = 6.9, 13  # the largest width of a letter of 11 units, and the line height
GAP = 3
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
MAX_TICKS = 7


@dataclass(frozen=True)
class Point:
    """A model: what one picture costs, and its accuracy in 0-1.

    `is_apart` if its accuracy was measured on a different data set than that of the others.
    """

    name: str
    cost: float
    accuracy: float
    is_apart: bool = False


@dataclass(frozen=True)
class Axis:
    """The axis of the costs: its name, what to write under it, and how to write a cost."""

    name: str
    caption: str
    text: Callable[[float], str]


@dataclass(frozen=True)
class Box:
    """A rectangle of the plot that is occupied."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        """Whether the two rectangles overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


FRAME = Box(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


TIME = Axis("time", "time for one picture on this machine", _time)
COMPUTATIONS = Axis("GFLOPs", "GFLOPs for one picture", "{:.3g}".format)


def scatter(points: Sequence[Point], axis: Axis) -> str:
    """Returns the plot, with the costs on a logarithmic axis; empty without points.

    A name that has no room next to its point is displayed while the mouse is over the point.
    """
    if not points:
        return ""
    costs = _decades([point.cost for point in points])
    accuracies = _steps([point.accuracy for point in points])
    places = [
        (_across(point.cost, costs), _up(point.accuracy, accuracies), point) for point in points
    ]
    names = ", ".join(f"{point.name} {point.accuracy:.0%}" for point in points)
    return (
        f"<svg class='scatter' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='Accuracy against {axis.name}: {escape(names, quote=True)}'>"
        + _axes(costs, accuracies, axis)
        + "".join(_dot(*place, axis) for place in places)
        + "".join(_names(places))
        + "</svg>"
    )


def _axes(costs: Sequence[float], accuracies: Sequence[float], axis: Axis) -> str:
    lines = []
    for accuracy in accuracies:
        y = _up(accuracy, accuracies)
        lines.append(f"<path d='M{LEFT} {y:.1f}H{WIDTH - RIGHT}'/>")
        lines.append(f"<text x='{LEFT - 6}' y='{y + 4:.1f}' class='up'>{accuracy:.0%}</text>")
    for cost in costs:
        x = _across(cost, costs)
        lines.append(f"<path d='M{x:.1f} {TOP}V{HEIGHT - BOTTOM}'/>")
        lines.append(
            f"<text x='{x:.1f}' y='{HEIGHT - BOTTOM + 16}' class='across'>{axis.text(cost)}</text>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f"<text x='{middle}' y='{HEIGHT - 8}' class='across'>{axis.caption}</text>")
    return f"<g class='axes'>{''.join(lines)}</g>"


def _dot(x: float, y: float, point: Point, axis: Axis) -> str:
    kind = "apart" if point.is_apart else "dot"
    text = f"{point.name}: {point.accuracy:.1%}, {axis.text(point.cost)}"
    if axis is COMPUTATIONS:
        text += f" {axis.name}"
    return (
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{RADIUS}' class='{kind}'>"
        f"<title>{escape(text)}</title></circle>"
    )


def _names(places: Sequence[tuple[float, float, Point]]) -> Iterator[str]:
    """Yields each name at a place where it overlaps no point and no other name."""
    taken = [Box(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y, _ in places]
    # Start on the right, where the frame leaves the least choice.
    for x, y, point in sorted(places, key=lambda place: -place[0]):
        for box in _around(x, y, len(point.name) * LETTER):
            if _within(box) and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                yield _name(x, y, box, point.name)
                break


def _name(x: float, y: float, box: Box, name: str) -> str:
    # Next to its point, a name starts or ends there, whatever the real width of its letters is.
    side, at = "middle", (box.left + box.right) / 2
    if box.left > x:
        side, at = "start", box.left
    elif box.right < x:
        side, at = "end", box.right
    text = (
        f"<text x='{at:.1f}' y='{box.bottom - GAP:.1f}' text-anchor='{side}' "
        f"class='name'>{escape(name)}</text>"
    )
    if box.top - 2 * RADIUS <= y <= box.bottom + 2 * RADIUS:
        return text
    # A line from the point to the nearest edge of a name that is not next to it.
    end = f"{min(max(x, box.left), box.right):.1f} {box.top if box.top > y else box.bottom:.1f}"
    return f"<path d='M{x:.1f} {y:.1f}L{end}' class='leader'/>{text}"


def _around(x: float, y: float, width: float) -> Iterator[Box]:
    """Yields the places for a name of this width, the best one first."""
    near = RADIUS + GAP
    sides = (x + near, x - near - width)
    corners = (x + RADIUS, x - RADIUS - width, x - width / 2)
    above, below = y - near - LINE, y + near
    places = [(left, y - LINE / 2) for left in sides]
    places += [(left, top) for left in reversed(corners) for top in (above, below)]
    places += [
        (left, top)
        for lines in (1, 2, 3)
        for top in (above - lines * LINE, below + lines * LINE)
        for left in corners
    ]
    for left, top in places:
        yield Box(left, top, left + width, top + LINE)


def _within(box: Box) -> bool:
    return (
        box.left >= FRAME.left
        and box.right <= FRAME.right
        and box.top >= FRAME.top
        and box.bottom <= FRAME.bottom
    )


def _across(cost: float, costs: Sequence[float]) -> float:
    low, high = math.log(costs[0]), math.log(costs[-1])
    return LEFT + (math.log(cost) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def _up(accuracy: float, accuracies: Sequence[float]) -> float:
    low, high = accuracies[0], accuracies[-1]
    return HEIGHT - BOTTOM - (accuracy - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _decades(costs: Sequence[float]) -> list[float]:
    """Returns round numbers (1, 2 or 5 times a power of ten) that enclose all costs."""
    low, high = min(costs) / 1.15, max(costs) * 1.15
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    round_numbers = [digit * 10.0**power for power in range(first, last + 1) for digit in (1, 2, 5)]
    begin = max(place for place, number in enumerate(round_numbers) if number <= low)
    end = min(place for place, number in enumerate(round_numbers) if number >= high)
    return round_numbers[begin : end + 1]


def _steps(accuracies: Sequence[float]) -> list[float]:
    """Returns round accuracies that enclose all accuracies."""
    low, high = min(accuracies) - 0.02, max(accuracies) + 0.02
    for step in STEPS:
        begin, end = math.floor(low / step), math.ceil(high / step)
        if end - begin < MAX_TICKS:
            break
    return [number * step for number in range(begin, end + 1)]
