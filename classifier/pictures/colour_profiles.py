"""Colour management: pictures in any colour space become sRGB.

Sources: ICC.1:2022 (the format of profiles), ITU-T H.273 (codes of colour spaces).
"""

import io
import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy
from PIL import Image, ImageChops, ImageCms

Point = tuple[float, float]  # x and y in the CIE 1931 diagram
Primaries = tuple[Point, Point, Point]

D65: Point = (0.3127, 0.3290)
SRGB: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
SRGB_TRANSFER = 13  # the code of its curve
VIDEO_TRANSFERS = frozenset({1, 6, 14, 15})  # BT.709, BT.601 and BT.2020
USUAL_GAMMA = 0.45455  # of a PNG file without further data; it means sRGB
GAMMA_TOLERANCE = 0.0005
# By their codes. The white point of all is D65.
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),  # BT.601, 625 lines
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),  # BT.601, 525 lines
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),  # EBU Tech 3213
}
# Profiles refer to this white point, and colours are adapted to it in this space (Bradford).
D50 = numpy.array([0.9642, 1.0, 0.8249])
BRADFORD = numpy.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
HEADER_BYTES = 128
MAX_BYTES = 4 << 20  # of a profile; the largest of printers have less
MAX_DIFFERENCE = 1  # a profile that changes no colour by more is not applied
SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
CACHED_PROFILES = 16


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Returns a picture in sRGB, in mode RGB, RGBA, L or LA.

    `picture` has one of these modes or CMYK. A profile that is damaged, or that belongs to
    another kind of picture, is ignored.
    """
    mode = space(profile)
    if profile and mode and picture.mode in ("LA", "RGBA"):
        opaque = to_srgb(picture.convert(picture.mode[:-1]), profile)
        opaque.putalpha(picture.getchannel("A"))
        return opaque
    if picture.mode == "L" and mode == "RGB":
        picture = picture.convert("RGB")
    if profile and picture.mode == mode:
        transform = _transform(profile, picture.mode)
        if transform and mode == "RGB":  # in place, because large pictures need much memory
            ImageCms.applyTransform(picture, transform, inPlace=True)
        elif transform:
            return _apply(transform, picture)
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def space(profile: bytes | None) -> str | None:
    """Returns the mode of the pictures that a profile is for; None if it is damaged or absurd."""
    if not profile or not int.from_bytes(profile[:4]) <= len(profile) <= MAX_BYTES:
        return None
    return SPACES.get(profile[16:20]) if _has_valid_curves(profile) else None


def profile_of_code(primaries: int, transfer: int) -> bytes | None:
    """Returns a profile for the codes of a colour space, or None if it is sRGB or unknown."""
    curve = CURVES.get(transfer)
    if primaries not in PRIMARIES or curve is None or (primaries, transfer) == (1, SRGB_TRANSFER):
        return None
    return profile(PRIMARIES[primaries], D65, curve)


def profile_of_box(primaries: int, transfer: int) -> bytes | None:
    """Like `profile_of_code`, for AVIF and HEIC: there, browsers take video's curves for sRGB's."""
    return profile_of_code(primaries, SRGB_TRANSFER if transfer in VIDEO_TRANSFERS else transfer)


def profile(primaries: Primaries, white: Point, curve: bytes) -> bytes | None:
    """Returns an ICC profile, or None if the points do not describe a colour space.

    `curve` is the encoded curve from values to intensities, as from `power`.
    """
    try:
        matrix = _matrix(primaries, white)
    except (ZeroDivisionError, numpy.linalg.LinAlgError):
        return None
    columns = [b"XYZ \0\0\0\0" + _fixed(matrix[:, number]) for number in range(3)]
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _fixed(D50)
    table, data = struct.pack(">I", len(tags)), b""
    start = HEADER_BYTES + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content
    header = struct.pack(">I4xI", start + len(data), 0x04200000) + b"mntrRGB XYZ "
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + _fixed(D50)
    return header.ljust(HEADER_BYTES, b"\0") + table + data


def power(gamma: float) -> bytes:
    """Returns the curve of a power law, for pixels that are the intensity to this power."""
    return b"para" + bytes(8) + _fixed([1 / gamma if gamma else 0])


def _parametric(*parameters: float) -> bytes:
    """Returns the curve (a·x + b)^g, or c·x below d, from g, a, b, c, d."""
    return b"para" + bytes(4) + b"\0\3\0\0" + _fixed(parameters)


def _fixed(numbers: Sequence[float] | numpy.ndarray) -> bytes:
    """Returns numbers with 16 bits after the point."""
    return b"".join(
        struct.pack(">i", min(max(round(float(number) * 65536), -(1 << 31)), (1 << 31) - 1))
        for number in numbers
    )


_BT1886 = power(1 / 2.4)  # how screens show BT.709, BT.601 and BT.2020
# By their codes; the curves of high dynamic range are left out.
CURVES = dict.fromkeys(VIDEO_TRANSFERS, _BT1886) | {
    4: power(1 / 2.2),
    5: power(1 / 2.8),
    8: power(1.0),
    SRGB_TRANSFER: _parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
}


def _matrix(primaries: Primaries, white: Point) -> numpy.ndarray:
    """Returns the matrix from linear RGB to XYZ, adapted to the white point of profiles."""
    columns = numpy.array([_xyz(point) for point in primaries]).T
    source = _xyz(white)
    scaled = columns * numpy.linalg.solve(columns, source)
    cones = (BRADFORD @ D50) / (BRADFORD @ source)
    matrix: numpy.ndarray = numpy.linalg.inv(BRADFORD) @ numpy.diag(cones) @ BRADFORD @ scaled
    return matrix


def _xyz(point: Point) -> numpy.ndarray:
    x, y = point
    return numpy.array([x / y, 1.0, (1 - x - y) / y])


@lru_cache(CACHED_PROFILES)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the transformation to sRGB, or None if it fails or changes nothing."""
    try:
        transform = _build(profile, mode)
    except (OSError, ImageCms.PyCMSError):
        return None
    if mode == "CMYK":
        return transform
    # All combinations of some values in each channel.
    values = numpy.indices((16, 16, 16)).reshape(3, 64, 64).T * 17
    sample = Image.fromarray(values.astype(numpy.uint8)).convert(mode)
    difference = ImageChops.difference(sample.convert("RGB"), _apply(transform, sample))
    return transform if numpy.asarray(difference).max() > MAX_DIFFERENCE else None


def _apply(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    result = ImageCms.applyTransform(picture, transform)
    assert result
    return result


def _has_valid_curves(profile: bytes) -> bool:
    """Whether the exponents of all curves are above zero."""
    try:
        (count,) = struct.unpack_from(">I", profile, HEADER_BYTES)
        for number in range(count):
            name, start = struct.unpack_from(">4sI", profile, HEADER_BYTES + 4 + 12 * number)
            if name.endswith(b"TRC") and profile[start : start + 4] == b"para":
                (exponent,) = struct.unpack_from(">i", profile, start + 12)
                if exponent <= 0:
                    return False
    except struct.error:
        return False
    return True


def _build(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
