"""The parts of a JPEG file that determine its pixels and colours.

Sources: ITU-T T.81 (the format), CIPA DC-008 (EXIF), ICC.1 annex B.4 (profiles in JPEG files).
"""

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image, ImageChops

from classifier.pictures.formats import exif
from classifier.pictures.formats.picture_file import PictureFile, opened_by_pillow
from classifier.pictures.formats.spliced_file import splice

SIGNATURE = b"\xff\xd8\xff"
START, SCAN, END = 0xD8, 0xDA, b"\xff\xd9"
COMMENT, JFIF, EXIF, PROFILE, ADOBE = 0xFE, 0xE0, 0xE1, 0xE2, 0xEE
METADATA = range(0xE0, 0xF0)
PROFILE_PREFIX = b"ICC_PROFILE\0"
MAX_SEGMENTS = 10_000
# Bytes that continue the pixels of a truncated file in different ways. Of 1,131 truncated files,
# one looked the same with all of them; only a few pixels in a corner were missing.
CONTINUATIONS = [bytes([value]) * 64 for value in (0x55, 0xAA, 0x33, 0xCC, 0x92, 0xE7)]
BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Segment:
    """A segment: its marker, and where its content is."""

    marker: int
    content: range

    @property
    def whole(self) -> range:
        """Where the segment is, with its marker and length."""
        return range(self.content.start - 4, self.content.stop)


def matches(start: bytes) -> bool:
    return start.startswith(SIGNATURE)


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    size = file.seek(0, io.SEEK_END)
    segments = list(_segments(file, size))
    start = segments[-1].content.stop if segments else len(SIGNATURE) - 1
    parts: list[bytes | range] = [SIGNATURE[:2], *_essential(segments), range(start, size)]
    is_closed = not segments or segments[-1].marker != SCAN or _is_closed(file, start, size)
    if not is_closed:
        parts[-1] = range(start, _without_fill_bytes(file, start, size))
    opened, _ = opened_by_pillow(splice(file, [*parts, END]), ["JPEG"], stack)

    def pixels(min_side: int) -> Image.Image:
        if not is_closed:
            _check_pixels(file, parts)
        return opened.pixels(min_side)

    profile, orientation = _metadata(file, segments)
    return replace(opened, pixels=pixels, profile=profile, orientation=orientation)


def _essential(segments: list[Segment]) -> Iterator[range]:
    """Yields the segments that pixels depend on."""
    for segment in segments:
        if segment.marker in (JFIF, ADOBE) or segment.marker not in (*METADATA, COMMENT):
            yield segment.whole


def _metadata(file: BinaryIO, segments: list[Segment]) -> tuple[bytes | None, int]:
    """Returns the colour profile, and the orientation."""
    profiles: dict[int, bytes] = {}
    orientation = None
    for segment in segments:
        content = _read(file, segment) if segment.marker in (EXIF, PROFILE) else b""
        if content.startswith(exif.PREFIX) and orientation is None:
            orientation = exif.orientation(content)
        if content.startswith(PROFILE_PREFIX) and len(content) > len(PROFILE_PREFIX) + 2:
            part = content[len(PROFILE_PREFIX) :]
            profiles.setdefault(part[0], part)
    return _joined(profiles), orientation or exif.UPRIGHT


def _segments(file: BinaryIO, size: int) -> Iterator[Segment]:
    """Yields the segments up to the first scan, or up to one that cannot be understood.

    Raises ValueError if there are so many that reading them would take long.
    """
    position = 2
    for _ in range(MAX_SEGMENTS):
        file.seek(position)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return
        if head[1] == 0xFF:  # a fill byte
            position += 1
            continue
        length = int.from_bytes(head[2:])
        stop = position + 2 + length
        if length < 2 or stop > size:
            return
        yield Segment(head[1], range(position + 4, stop))
        if head[1] == SCAN:
            return
        position = stop
    raise ValueError("too many segments")


def _read(file: BinaryIO, segment: Segment) -> bytes:
    file.seek(segment.content.start)
    return file.read(len(segment.content))


def _joined(profiles: dict[int, bytes]) -> bytes | None:
    """Returns the profile in its parts, which start with their number and the count of parts."""
    if not profiles or set(profiles) != set(range(1, max(profiles) + 1)):
        return None
    if any(part[1] != len(profiles) for part in profiles.values()):
        return None
    return b"".join(profiles[number][2:] for number in sorted(profiles))


def _is_closed(file: BinaryIO, start: int, size: int) -> bool:
    """Whether there is an end marker; the pixels before it never contain its bytes."""
    stop = size
    while stop > start:
        block = max(start, stop - BLOCK_BYTES)
        file.seek(block)
        if END in file.read(stop + 1 - block):
            return True
        stop = block
    return False


def _without_fill_bytes(file: BinaryIO, start: int, size: int) -> int:
    """Returns where the pixels end: half of an end marker may follow."""
    file.seek(max(start, size - BLOCK_BYTES))
    tail = file.read()
    return size - (len(tail) - len(tail.rstrip(b"\xff")))


def _check_pixels(file: BinaryIO, parts: list[bytes | range]) -> None:
    """Raises EOFError if the pixels depend on what follows the parts."""
    first, *others = (
        Image.open(splice(file, [*parts, continuation, END]), formats=["JPEG"])
        for continuation in (b"", *CONTINUATIONS)
    )
    for other in others:
        if ImageChops.difference(first, other).getbbox():
            raise EOFError
