"""AVIF files: Pillow decodes them, but does not say in which colour space."""

import struct
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from classifier.pictures import colour_profiles
from classifier.pictures.formats import exif
from classifier.pictures.formats.picture_file import PictureFile, opened_by_pillow

CODES = b"colrnclx"  # a box with the codes of a colour space
HEADER_BYTES = 1 << 16  # where the description of the picture is expected


def matches(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis")


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    opened, picture = opened_by_pillow(file, ["AVIF"], stack)
    # Pillow has put the orientation that counts, which is not in the EXIF data, into them.
    orientation = exif.orientation(picture.info.get("exif") or b"")
    return replace(
        opened, profile=opened.profile or _profile_of_codes(file), orientation=orientation
    )


def _profile_of_codes(file: BinaryIO) -> bytes | None:
    position = file.tell()
    file.seek(0)
    header = file.read(HEADER_BYTES)
    file.seek(position)
    found = header.find(CODES)
    codes = header[found + len(CODES) :][:4]
    if found < 0 or len(codes) < 4:
        return None
    return colour_profiles.profile_of_box(*struct.unpack(">HH", codes))
