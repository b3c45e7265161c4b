import re
from itertools import combinations, pairwise

import pytest

from classifier.page.models.plot import (
    COMPUTATIONS,
    HEIGHT,
    LETTER,
    LINE,
    TIME,
    WIDTH,
    Box,
    Point,
    scatter,
)

TEN = [
    Point("tiny", 0.0091, 0.512, is_apart=True),
    Point("resnet18", 0.0278, 0.698),
    Point("alexnet", 0.0222, 0.565),
    Point("vgg16", 0.19, 0.716),
    Point("inception_v3", 0.071, 0.773),
    Point("resnet50", 0.091, 0.809),
    Point("mobilenet_v3_large", 0.0064, 0.753),
    Point("efficientnet_v2_s", 0.085, 0.842),
    Point("convnext_tiny", 0.09, 0.825),
    Point("vit_b_16", 0.24, 0.811),
]
CIRCLE = re.compile(r"<circle cx='([\d.]+)' cy='([\d.]+)' r='5' class='(\w+)'><title>(\w+)")
NAME = re.compile(r"<text x='([\d.]+)' y='([\d.]+)' text-anchor='(\w+)' class='name'>(\w+)")


def boxes(svg: str) -> dict[str, Box]:
    """Where the names stand."""
    found = {}
    for x, y, side, name in NAME.findall(svg):
        width = len(name) * LETTER
        left = float(x) - width * {"start": 0, "middle": 0.5, "end": 1}[side]
        found[name] = Box(left, float(y) - LINE + 3, left + width, float(y) + 3)
    return found


def test_points_lie_where_their_time_and_accuracy_put_them() -> None:
    dots = {name: (float(x), float(y)) for x, y, _, name in CIRCLE.findall(scatter(TEN, TIME))}

    assert sorted(dots, key=lambda name: dots[name][0]) == [
        point.name for point in sorted(TEN, key=lambda point: point.cost)
    ]
    assert sorted(dots, key=lambda name: -dots[name][1]) == [
        point.name for point in sorted(TEN, key=lambda point: point.accuracy)
    ]


def test_twice_the_time_is_as_far_everywhere() -> None:
    svg = scatter([Point(f"m{number}", 0.01 * 2**number, 0.5) for number in range(4)], TIME)
    across = [float(x) for x, _, _, _ in CIRCLE.findall(svg)]
    gaps = [right - left for left, right in pairwise(across)]

    assert gaps == pytest.approx([gaps[0]] * 3, abs=0.2)


def test_every_one_of_ten_models_has_its_name_and_none_overlap() -> None:
    svg = scatter(TEN, TIME)
    named = boxes(svg)

    assert set(named) == {point.name for point in TEN}
    assert not any(one.overlaps(other) for one, other in combinations(named.values(), 2))
    for x, y, _, _ in CIRCLE.findall(svg):
        dot = Box(float(x) - 4.9, float(y) - 4.9, float(x) + 4.9, float(y) + 4.9)
        assert not any(box.overlaps(dot) for box in named.values())
    for box in named.values():
        assert box.left >= 0
        assert box.right <= WIDTH
        assert box.bottom <= HEIGHT


def test_names_without_room_are_left_to_the_pointer() -> None:
    svg = scatter([Point(f"model_number_{number}", 0.01, 0.5) for number in range(30)], TIME)

    assert len(CIRCLE.findall(svg)) == 30
    named = boxes(svg)
    assert 0 < len(named) < 30
    assert not any(one.overlaps(other) for one, other in combinations(named.values(), 2))


def test_what_is_not_comparable_is_marked() -> None:
    kinds = {name: kind for _, _, kind, name in CIRCLE.findall(scatter(TEN, TIME))}

    assert kinds.pop("tiny") == "apart"
    assert set(kinds.values()) == {"dot"}


def test_a_single_point_is_a_plot_and_none_is_nothing() -> None:
    assert scatter([], TIME) == ""
    assert len(CIRCLE.findall(scatter([TEN[0]], TIME))) == 1


def test_names_cannot_put_markup_into_the_plot() -> None:
    svg = scatter([Point("<script>'", 0.01, 0.5)], TIME)

    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_the_axis_says_what_the_costs_are() -> None:
    times, computations = (scatter(TEN, axis) for axis in (TIME, COMPUTATIONS))

    assert "Accuracy against time: tiny 51%" in times
    assert "time for one picture on this machine</text>" in times
    assert "<title>vgg16: 71.6%, 190 ms</title>" in times
    assert "Accuracy against GFLOPs: tiny 51%" in computations
    assert "GFLOPs for one picture</text>" in computations
    assert "<title>vgg16: 71.6%, 0.19 GFLOPs</title>" in computations
