"""A black keyboard on a desk."""

from .. import stage
from ..curves import trace
from ..materials import plain, wood
from ..nature import floor
from ..places import office
from ..shapes import box, copy, words

_ROWS = ("1234567890-=", "QWERTYUIOP[]", "ASDFGHJKL;'", "ZXCVBNM,./")


def build() -> None:
    floor(wood("#6b4a2c", "#a67c50", 0.35), 60)
    office()
    case, cap = plain("#1b1c1f", 0.5), plain("#2a2c30", 0.42)
    white = plain("#e9eaec", 0.6)
    box((17.4, 6.3, 0.5), (0.1, -0.05, 0.3), case, 0.2, (3, 0, 0))
    key = box((0.9, 0.9, 0.4), (0, 0, -9), cap, 0.1)
    rows = [
        (2.55, -7.7, 15, ""),
        (1.3, -7.7, 13, "`" + _ROWS[0]),
        (0.3, -6.2, 12, _ROWS[1]),
        (-0.7, -5.95, 11, _ROWS[2]),
        (-1.7, -5.45, 10, _ROWS[3]),
    ]
    for y, x, count, letters in rows:
        height = 0.62 + 0.05 * y
        for number in range(count):
            copy(key, (x + number, y, height), (3, 0, 0))
            if number < len(letters):
                words(
                    letters[number],
                    0.42,
                    (x + number - 0.1, y + 0.08, height + 0.206),
                    white,
                    (3, 0, 0),
                )
    wide_keys = trace(
        "5.8,1.3,1.9 -7.45,0.3,1.4 6.05,0.3,1.4 -7.3,-0.7,1.7 5.95,-0.7,1.6 -7.05,-1.7,2.2 "
        "5.65,-1.7,2.2 -7.55,-2.7,1.2 -6.25,-2.7,1.2 -4.95,-2.7,1.2 -1.0,-2.7,6.4 2.95,-2.7,1.2 "
        "4.25,-2.7,1.2 6.0,-2.7,1.5"
    )
    for x, y, wide in wide_keys:
        box((wide, 0.9, 0.4), (x, y, 0.62 + 0.05 * y), cap, 0.1, (3, 0, 0))
    for x, y in ((7.9, -1.7), (7.9, -2.7), (7.9, 0.3), (7.9, 1.3), (7.9, -0.7)):
        copy(key, (x, y, 0.62 + 0.05 * y), (3, 0, 0), (0.9, 1, 1))
    stage.camera((-4.6, -9.4, 6.8), (-1.2, -0.5, 0.4), 46, 0.1, (-1.5, -1.2, 0.8))
