"""A remote control on a table."""

from .. import stage
from ..materials import plain, wood
from ..nature import floor
from ..places import office
from ..shapes import box, rod, words


def build() -> None:
    floor(wood("#7a5230", "#b98a58", 0.4), 60)
    office()
    black, grey = plain("#17181a", 0.35), plain("#8f959c", 0.45)
    pieces = [
        box((2.6, 8.4, 0.75), (0, 0, 0.42), black, 0.3),
        box((2.35, 8.1, 0.1), (0, 0, 0.8), plain("#26282c", 0.3), 0.05),
        rod(0.26, 0.16, (-0.75, 3.5, 0.9), plain("#d01818", 0.35), 0.06),
    ]
    for number in range(12):
        x, y = -0.75 + 0.75 * (number % 3), 2.6 - 0.62 * (number // 3)
        pieces.append(box((0.52, 0.38, 0.2), (x, y, 0.9), grey, 0.09))
        label = "123456789*0#"[number]
        pieces.append(words(label, 0.26, (x, y, 1.003), plain("#111111", 0.6), (0, 0, 0)))
    pieces.append(rod(0.86, 0.14, (0, -0.75, 0.88), plain("#4a4e54", 0.4), 0.05))
    pieces.append(rod(0.36, 0.16, (0, -0.75, 0.96), plain("#c9ced4", 0.35), 0.06))
    for x in (-0.75, 0.75):
        pieces += [box((0.46, 1.0, 0.22), (x, -2.2, 0.9), grey, 0.12)]
    for x, colour in ((-0.84, "#d02020"), (-0.28, "#1f9a3c"), (0.28, "#f0c000"), (0.84, "#1d5ac8")):
        pieces.append(box((0.42, 0.26, 0.18), (x, -3.2, 0.9), plain(colour, 0.35), 0.08))
    pieces.append(box((0.5, 0.3, 0.18), (0, -2.2, 0.9), grey, 0.08))
    for piece in pieces[1:]:
        piece.parent = pieces[0]
        piece.location.z -= 0.42
    pieces[0].rotation_euler[2] = -0.5
    stage.camera((0.2, -8.6, 7.8), (0, -0.15, 0.3), 46, 0.09, (0, -0.6, 0.8))
