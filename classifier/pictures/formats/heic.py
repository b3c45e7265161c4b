"""HEIC files, the format of iPhones. pillow-heif decodes them and applies their orientation."""

from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

import pillow_heif

from classifier.pictures import colour_profiles
from classifier.pictures.formats.picture_file import PictureFile, opened_by_pillow

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

pillow_heif.register_heif_opener(thumbnails=False)


def matches(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in BRANDS


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    opened, picture = opened_by_pillow(file, ["HEIF"], stack)
    profile = opened.profile
    codes = picture.info.get("nclx_profile")
    if not profile and codes:
        profile = colour_profiles.profile_of_box(
            codes["color_primaries"], codes["transfer_characteristics"]
        )
    return replace(opened, format="HEIC", profile=profile)
