"""A street, a railway and wheels."""

import random

from .materials import Surface, metal, plain, stone
from .nature import floor, land, turf
from .plants import foliage, tree, wood_edge
from .shapes import Point, box, copy, rod

DARK_GLASS = "#10171c"


def street() -> None:
    """Adds an empty road along x, with a kerb and trees behind it."""
    asphalt = Surface(roughness=0.85)
    asphalt.set(base_color=asphalt.ramp(asphalt.noise(0.8, 9), (0.3, "#4a4b4d"), (0.7, "#707172")))
    asphalt.bump(asphalt.noise(40, 3), 0.4, 0.02)
    floor(asphalt, 300)
    box((300, 0.15, 0.02), (0, -4.0, 0.005), plain("#e8e2d0", 0.8), 0)
    box((300, 0.35, 0.3), (0, 3.0, 0.05), stone("#8d8a84", "#b9b5ac"), 0.04)
    verge = turf("#8aa646", "#4a6a26", 0.8)
    land(verge, (0, 43), (300, 79), lambda x, y: 0.12 + 0.02 * (y - 3))
    chance = random.Random(7)
    crown = tree(foliage("#86a240", "#2a4a1c"), plain("#4a3a2a", 0.9), chance, (5.5, 10, 0), 6)
    wood_edge(
        crown,
        chance,
        [(x + chance.uniform(-1.5, 1.5), chance.uniform(17, 27), 0) for x in range(-40, 60, 3)],
        7,
    )


def wheel(at: Point, radius: float, black: Surface) -> None:
    """Adds a tyre and its hub, for a vehicle that points along x."""
    rod(radius, 0.34, at, black, 0.06, (90, 0, 0))
    rod(radius * 0.58, 0.36, at, metal("#c3c6c8", 0.35), 0.03, (90, 0, 0))
    rod(radius * 0.2, 0.42, at, black, 0.02, (90, 0, 0))


def railway() -> None:
    """Adds two tracks along x in gravel. Trains stand on the track through the origin."""
    gravel = Surface(roughness=0.95)
    pebbles = gravel.cells(5)
    gravel.set(
        base_color=gravel.ramp(
            gravel.along("X", pebbles.outputs[1]), (0.1, "#5c534a"), (0.9, "#a39a8e")
        )
    )
    gravel.bump(pebbles.outputs[0], 1.0, 0.15)
    floor(gravel, 300, -0.25)
    rusty, sleeper = metal("#8a7a6c", 0.35), plain("#4c3f34", 0.9)
    for track in (0.0, -5.2):
        for y in (-0.75, 0.75):
            box((300, 0.09, 0.16), (0, y + track, -0.02), rusty, 0.01)
        tie = box((0.28, 2.6, 0.16), (0, track, -0.18), sleeper, 0.02)
        for x in range(-24, 60):
            copy(tie, (0.7 * x, track, -0.18))
    land(turf("#94a050", "#55682e", 0.6), (0, 56), (300, 100), lambda x, y: 0.03 * (y - 6) - 0.2)
    chance = random.Random(15)
    crown = tree(foliage("#86a240", "#2a4a1c"), plain("#4a3a2a", 0.9), chance, (-14, 16, 0), 6)
    wood_edge(
        crown,
        chance,
        [(x + chance.uniform(-1.5, 1.5), chance.uniform(14, 24), 0) for x in range(-40, 60, 3)],
        6,
    )
