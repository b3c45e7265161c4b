"""The orientation of a picture, read from its EXIF data."""

import struct

ORIENTATION = 0x0112
SHORT = 3  # the type of a tag with numbers of two bytes
PREFIX = b"Exif\0"  # and one more byte
UPRIGHT = 1


def orientation(data: bytes) -> int:
    """Returns the orientation in EXIF data, from 1 to 8; 1 is upright.

    Nothing else is read, so a damaged tag does no harm. As in browsers, the first tag for the
    orientation counts, and only with a valid type and value.
    """
    if data.startswith(PREFIX):
        data = data[len(PREFIX) + 1 :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return UPRIGHT
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        for number in range(count):
            tag = struct.unpack_from(f"{order}HHIH", data, start + 2 + 12 * number)
            if tag[:3] == (ORIENTATION, SHORT, 1):
                return tag[3] if 1 <= tag[3] <= 8 else UPRIGHT
    except struct.error:  # the data end too early
        pass
    return UPRIGHT
