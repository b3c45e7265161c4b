"""Small picture files of every kind that Chromium can show."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy
from PIL import Image, ImageCms

from classifier.pictures import colour_profiles
from classifier.pictures.colour_profiles import D65, PRIMARIES, power
from tests.support.picture_files import (
    bmp,
    chunk,
    encode,
    exif,
    gif,
    lookup_profile,
    png,
    with_segments,
)

File = tuple[str, bytes]

COLOURS = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 30, 30), (30, 200, 30), (30, 30, 200),
    (128, 128, 128), (20, 20, 20), (240, 200, 170), (90, 60, 120),
)  # fmt: skip
LOSSY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
OPTIONS: dict[str, dict[str, Any]] = LOSSY | {"PNG": {}, "WEBP": {"lossless": True}}
ORIENTATION, SHORT, LONG = 0x112, 3, 4
ADOBE_RGB = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PRO_PHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
DISPLAY_P3 = PRIMARIES[12]
MASKS = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def corpus() -> dict[str, bytes]:
    """Returns all files by what is special about them."""
    files: dict[str, bytes] = {}
    for part in (_modes, _profiles, _orientations, _png_colours, _png_samples, _png_chunks, _jpegs,
                 _animations, _gifs, _bmps):  # fmt: skip
        for name, content in part():
            assert name not in files
            files[name] = content
    return files


def patches() -> Image.Image:
    """Returns a picture with a patch of each colour, large enough for lossy formats."""
    picture = Image.new("RGB", (16 * len(COLOURS), 16))
    for number, colour in enumerate(COLOURS):
        picture.paste(colour, (16 * number, 0, 16 * number + 16, 16))
    return picture


def _cut_out(picture: Image.Image) -> Image.Image:
    """Returns a picture that is partly transparent, without values in between."""
    picture = picture.convert("RGBA")
    picture.putalpha(
        Image.linear_gradient("L").resize(picture.size).point(lambda x: 255 * (x > 99))
    )
    return picture


def _faded(picture: Image.Image) -> Image.Image:
    picture = picture.convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def _modes() -> Iterator[File]:
    picture = patches()
    modes = {
        "PNG": ("1", "L", "P", "LA", "RGB", "RGBA"),
        "JPEG": ("L", "RGB", "CMYK"),
        "WEBP": ("L", "RGB", "RGBA"),
        "AVIF": ("L", "RGB"),
        "GIF": ("1", "L", "P"),
        "BMP": ("1", "L", "P", "RGB", "RGBA"),
    }
    for kind, names in modes.items():
        for mode in names:
            source = _faded(picture) if mode in ("LA", "RGBA") else picture
            yield f"{kind} {mode}", encode(source.convert(mode), kind, **OPTIONS.get(kind, {}))
    for kind in ("PNG", "WEBP", "AVIF"):
        yield f"{kind} cut out", encode(_cut_out(picture), kind, **OPTIONS[kind])
    for quality in (50, 90):
        for kind in ("JPEG", "WEBP", "AVIF"):
            yield f"{kind} quality {quality}", encode(picture, kind, quality=quality)
    for subsampling in (1, 2):
        content = encode(picture, "JPEG", subsampling=subsampling)
        yield f"JPEG subsampling {subsampling}", content
    yield "JPEG progressive", encode(picture, "JPEG", progressive=True)
    yield "JPEG without YCbCr", encode(picture, "JPEG", quality=100, keep_rgb=True)
    yield "WEBP lossy and faded", encode(_faded(picture), "WEBP", quality=90)
    for span in ("limited", "full"):
        yield f"AVIF {span} range", encode(picture, "AVIF", range=span, **OPTIONS["AVIF"])


def profiles() -> dict[str, bytes]:
    """Returns ICC profiles of all kinds, some of them damaged or absurd."""
    srgb_curve = colour_profiles.CURVES[13]
    p3 = _profile(DISPLAY_P3, srgb_curve)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    first_point = p3[p3.find(b"XYZ \0\0\0\0", 132) :][8:20]
    return {
        "Display P3": p3,
        "Display P3, version 2": p3[:8] + b"\2" + p3[9:],
        "Adobe RGB": _profile(ADOBE_RGB, power(1 / 2.19921875)),
        "ProPhoto": _profile(PRO_PHOTO, power(1 / 1.8), white=(0.3457, 0.3585)),
        "sRGB": srgb,
        "red and blue exchanged": _exchanged(srgb),
        "gamma as number": _profile(DISPLAY_P3, b"curv" + bytes(7) + b"\1\2\x33\0\0"),
        "linear": _profile(DISPLAY_P3, b"curv" + bytes(8)),
        "negative": _profile(DISPLAY_P3, b"curv" + bytes(7) + b"\2\xff\xff\0\0"),
        "black": _profile(DISPLAY_P3, b"curv" + bytes(7) + b"\2" + bytes(4)),
        "gamma 30": _profile(DISPLAY_P3, power(1 / 30)),
        "gamma -1": _profile(DISPLAY_P3, power(-1)),
        "no red": p3.replace(first_point, bytes(12)),
        "for printers": p3[:12] + b"prtr" + p3[16:],
        "gray": _gray(),
        "cut": p3[:200],
        "longer than it is": struct.pack(">I", 9999) + p3[4:],
        "nonsense": b"abc" * 100,
        "table": lookup_profile(
            b"RGB ",
            lambda r, g, b: (30 * r + 60 * g + 10 * b, 60 * r - 60 * g + 20 * b, 50 * r - 80 * b),
        ),
    }


def _profile(primaries: Any, curve: bytes, white: tuple[float, float] = D65) -> bytes:
    profile = colour_profiles.profile(primaries, white, curve)
    assert profile
    return profile


def _exchanged(profile: bytes) -> bytes:
    for old, new in ((b"rXYZ", b"????"), (b"bXYZ", b"rXYZ"), (b"????", b"bXYZ")):
        profile = profile.replace(old, new)
    return profile


def _gray(exponent: float = 1.8) -> bytes:
    """Returns a profile for pictures without colours."""
    curve = power(1 / exponent)
    white = struct.pack(">3i", 63190, 65536, 54061)
    table = struct.pack(">I", 2) + b"kTRC" + struct.pack(">II", 156, len(curve))
    table += b"wtpt" + struct.pack(">II", 156 + len(curve), 20)
    data = curve + b"XYZ " + bytes(4) + white
    header = struct.pack(">I4xI", 128 + len(table) + len(data), 0x04200000) + b"mntrGRAYXYZ "
    header = header.ljust(36, b"\0") + b"acsp"
    return (header.ljust(68, b"\0") + white).ljust(128, b"\0") + table + data


def _profiles() -> Iterator[File]:
    picture = patches()
    known = profiles()
    refused_by_chromium = {"gray", "cut", "longer than it is", "nonsense", "gamma -1"}
    for kind in ("PNG", "JPEG", "WEBP", "AVIF"):
        for name, profile in known.items():
            if kind != "AVIF" or name not in refused_by_chromium:
                content = encode(picture, kind, icc_profile=profile, **OPTIONS[kind])
                yield f"{kind} with profile {name}", content
        for name in ("gray", "Display P3", "Adobe RGB"):
            if kind != "AVIF" or name != "gray":
                content = encode(
                    picture.convert("L"), kind, icc_profile=known[name], **OPTIONS[kind]
                )
                yield f"{kind} L with profile {name}", content
        if kind != "JPEG":
            content = encode(
                _cut_out(picture), kind, icc_profile=known["Display P3"], **OPTIONS[kind]
            )
            yield f"{kind} cut out with profile", content
    p3 = known["Display P3"]
    yield "PNG faded with profile", encode(_faded(picture), "PNG", icc_profile=p3)
    yield (
        "PNG LA with gray profile",
        encode(_faded(picture).convert("LA"), "PNG", icc_profile=known["gray"]),
    )
    yield "PNG P with profile", encode(picture.quantize(16), "PNG", icc_profile=p3)
    yield "PNG P with gray profile", encode(picture.quantize(16), "PNG", icc_profile=known["gray"])
    yield "PNG 1 with gray profile", encode(picture.convert("1"), "PNG", icc_profile=known["gray"])
    tones = Image.fromarray(numpy.arange(64, dtype=numpy.uint16)[None] * 1024)
    yield "PNG 16 bits with gray profile", encode(tones, "PNG", icc_profile=known["gray"])
    inks = lookup_profile(
        b"CMYK",
        lambda c, m, y, k: (
            (100 - 35 * c - 45 * m - 8 * y) * (1 - k * 0.85),
            (-30 * c + 65 * m - 5 * y) * (1 - k),
            (-40 * c - 5 * m + 80 * y) * (1 - k),
        ),
    )
    for name, profile in (("inks", inks), ("Display P3", p3), ("gray", known["gray"])):
        content = encode(picture.convert("CMYK"), "JPEG", quality=100, icc_profile=profile)
        yield f"JPEG CMYK with profile {name}", content
    bgr = picture.convert("RGB").tobytes("raw", "BGR")[: 16 * 30]
    yield "BMP with profile", bmp((160, 1), 24, 0, bgr, 124, profile=p3)
    content = encode(picture, "JPEG", **OPTIONS["JPEG"])
    mark, half = b"ICC_PROFILE\0", len(p3) // 2
    first, second = mark + b"\1\2" + p3[:half], mark + b"\2\2" + p3[half:]
    for name, segments in {
        "in two parts": (first, second),
        "in exchanged parts": (second, first),
        "without its second part": (first,),
        "twice": (mark + b"\1\1" + p3, mark + b"\1\1" + known["Adobe RGB"]),
    }.items():
        yield f"JPEG profile {name}", with_segments(content, *((0xE2, part) for part in segments))
    plain = encode(picture, "AVIF", **OPTIONS["AVIF"])
    codes = b"colrnclx\0\1\0\x0d"
    assert codes in plain
    for primaries, transfer in ((12, 13), (9, 1), (1, 8), (1, 4), (5, 1), (6, 6), (22, 13), (2, 2)):
        changed = b"colrnclx" + struct.pack(">HH", primaries, transfer)
        yield f"AVIF codes {primaries} {transfer}", plain.replace(codes, changed)


def _orientations() -> Iterator[File]:
    picture = patches().crop((0, 0, 160, 12))
    jpeg = encode(picture, "JPEG", **OPTIONS["JPEG"])
    for value in range(10):
        data = exif((ORIENTATION, SHORT, 1, value))
        yield f"JPEG orientation {value}", with_segments(jpeg, (0xE1, b"Exif\0\0" + data))
        yield f"PNG orientation {value}", encode(picture, "PNG", exif=data)
        yield f"WEBP orientation {value}", encode(picture, "WEBP", lossless=True, exif=data)
        content = encode(picture, "AVIF", exif=data, **OPTIONS["AVIF"])
        yield f"AVIF orientation {value}", content
    upright, turned = (ORIENTATION, SHORT, 1, 1), (ORIENTATION, SHORT, 1, 6)
    odd = (0x128, 9, 1, -2)
    for name, data in {
        "big endian": exif(turned, order=">"),
        "of another type": exif((ORIENTATION, LONG, 1, 6)),
        "with two values": exif((ORIENTATION, SHORT, 2, 6)),
        "twice": exif(turned, (ORIENTATION, SHORT, 1, 3)),
        "upright first": exif(upright, turned),
        "beside an odd tag": exif(turned, odd),
        "behind an odd tag": exif(odd, turned),
        "in data that end early": exif(turned, odd)[:-10],
    }.items():
        yield f"JPEG orientation {name}", with_segments(jpeg, (0xE1, b"Exif\0\0" + data))
        yield f"PNG orientation {name}", _png_of_patches((b"eXIf", data))
    yield "PNG orientation behind the pixels", _png_of_patches(after=(b"eXIf", exif(turned)))
    yield (
        "JPEG orientation with another byte",
        with_segments(jpeg, (0xE1, b"Exif\0\1" + exif(turned))),
    )
    both = ((0xE1, b"Exif\0\0" + exif(turned)), (0xE1, b"Exif\0\0" + exif(upright)))
    yield "JPEG orientation in two segments", with_segments(jpeg, *both)
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>'
    yield "JPEG orientation in XMP", with_segments(jpeg, (0xE1, xmp))


def _png_of_patches(
    *before: tuple[bytes, bytes], after: tuple[bytes, bytes] | None = None
) -> bytes:
    row = b"\0" + bytes(value for colour in COLOURS for value in colour)
    return png(len(COLOURS), 1, row, 8, 2, before, [after] if after else [])


def _gamma(value: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def _png_colours() -> Iterator[File]:
    ramp = bytes(range(0, 256, 5))
    for gamma in (0.45455, 1.0, 0.3, 0.5, 0.55, 2.2, 1 / 1.8, 0.0, 0.001, 100):
        content = png(len(ramp), 1, b"\0" + ramp, before=[_gamma(gamma)])
        yield f"PNG gamma {gamma:.4f}", content
    tones = b"\0" + struct.pack(">52H", *(1285 * number for number in range(52)))
    yield "PNG gamma with 16 bits", png(52, 1, tones, 16, before=[_gamma(1.0)])
    spaces = {
        "P3": (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
        "sRGB": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        "wide": (34570, 35850, 73470, 26530, 11520, 82640, 15660, 1770),
        "zero": (0,) * 8,
    }
    for name, numbers in spaces.items():
        points = (b"cHRM", struct.pack(">8I", *numbers))
        yield f"PNG primaries {name}", _png_of_patches(points)
        for gamma in (0.45455, 1.0):
            yield f"PNG primaries {name}, gamma {gamma}", _png_of_patches(_gamma(gamma), points)
        both = (_gamma(1.0), points, (b"sRGB", b"\0"))
        yield f"PNG primaries {name}, but sRGB", _png_of_patches(*both)
        yield (
            f"PNG gray, primaries {name}",
            png(len(ramp), 1, b"\0" + ramp, before=[_gamma(1.0), points]),
        )
    # The curves 16 and 18, of high dynamic range, are left out: this app does not know them.
    for primaries, transfer in ((12, 13), (9, 1), (12, 8), (1, 1), (1, 13), (5, 4), (99, 13)):
        codes = (b"cICP", bytes([primaries, transfer, 0, 1]))
        yield f"PNG codes {primaries} {transfer}", _png_of_patches(codes)
    p3 = profiles()["Display P3"]
    profile = (b"iCCP", b"P3\0\0" + zlib.compress(p3))
    adobe = (b"iCCP", b"A\0\0" + zlib.compress(profiles()["Adobe RGB"]))
    linear = (b"cICP", bytes([1, 8, 0, 1]))
    yield "PNG profile and gamma", _png_of_patches(profile, _gamma(1.0))
    yield "PNG profile and codes", _png_of_patches(linear, profile)
    yield "PNG damaged profile and gamma", _png_of_patches((b"iCCP", b"P3\0\0abc"), _gamma(1.0))
    cut = (b"iCCP", b"P3\0\0" + zlib.compress(p3)[:-4])
    yield "PNG profile that ends early", _png_of_patches(cut)
    method = (b"iCCP", b"P3\0\1" + zlib.compress(p3))
    yield "PNG profile with an unknown compression", _png_of_patches(method)
    long = (b"iCCP", b"P" * 100 + b"\0\0" + zlib.compress(p3))
    yield "PNG profile with a long name", _png_of_patches(long)
    yield "PNG codes of limited range", _png_of_patches((b"cICP", bytes([12, 13, 0, 0])))
    yield "PNG profile behind the pixels", _png_of_patches(after=profile)
    yield "PNG gamma behind the pixels", _png_of_patches(after=_gamma(1.0))
    yield "PNG two profiles", _png_of_patches(profile, adobe)


def _png_samples() -> Iterator[File]:
    for depth, values, clear in ((1, 0x40, 0), (2, 0x1B, 1), (4, 0x0F, 15), (4, 0x3F, 3)):
        content = png(8 // depth, 1, bytes([0, values]), depth, before=[_clear(clear)])
        yield f"PNG gray of {depth} bits, {clear} transparent", content
    gray = bytes([0, 0, 10, 100, 255])
    yield "PNG gray, 100 transparent", png(4, 1, gray, before=[_clear(100)])
    wide = b"\0" + struct.pack(">4H", 1000, 1001, 30000, 65535)
    yield "PNG gray of 16 bits, 1000 transparent", png(4, 1, wide, 16, before=[_clear(1000)])
    rgb = bytes([0, 1, 2, 3, 1, 2, 4])
    yield "PNG, one colour transparent", png(2, 1, rgb, 8, 2, [_clear(1, 2, 3)])
    wide = b"\0" + struct.pack(">9H", 1000, 2000, 3000, 1000, 2000, 3001, 5000, 6000, 60000)
    yield (
        "PNG of 16 bits, one colour transparent",
        png(3, 1, wide, 16, 2, [_clear(1000, 2000, 3000)]),
    )
    yield "PNG with half a transparent colour", png(2, 1, rgb, 8, 2, [_clear(1, 2)])
    long = png(2, 1, bytes([0, 1, 2]), before=[_clear(1, 2)])
    yield "PNG gray with a long transparent value", long
    later = [_clear(1, 2, 3), _clear(1, 2, 4)]
    yield "PNG with two transparent colours", png(2, 1, rgb, 8, 2, later)
    yield "PNG with a background", png(2, 1, rgb, 8, 2, [_clear(1, 2, 3), (b"bKGD", bytes(6))])
    pair = struct.pack(">4H", 30000, 0, 30000, 32768)
    yield "PNG LA of 16 bits", png(2, 1, b"\0" + pair, 16, 4)
    four = struct.pack(">8H", 30000, 20000, 10000, 0, 30000, 20000, 10000, 32768)
    yield "PNG RGBA of 16 bits", png(2, 1, b"\0" + four, 16, 6)
    palette = bytes([9, 9, 9, 50, 50, 50, 100, 0, 0, 0, 100, 0])
    numbers = bytes([0, 0, 1, 2, 200])
    for name, before in {
        "short transparency": [(b"PLTE", palette), (b"tRNS", bytes([0, 128]))],
        "pixels beyond the palette": [(b"PLTE", palette[:6])],
        "transparent pixels beyond the palette": [(b"PLTE", palette[:6]), (b"tRNS", b"\xff\x80")],
        "long transparency": [(b"PLTE", palette[:6]), (b"tRNS", bytes([255, 128, 0, 0]))],
    }.items():
        yield f"PNG {name}", png(4, 1, numbers, 8, 3, before)
    for depth, values in ((1, 0x50), (2, 0x1B), (4, 0x03)):
        content = png(8 // depth, 1, bytes([0, values]), depth, 3, [(b"PLTE", palette)])
        yield f"PNG palette of {depth} bits", content
    yield "PNG optimised", encode(patches(), "PNG", optimize=True)


def _clear(*values: int) -> tuple[bytes, bytes]:
    return b"tRNS", struct.pack(f">{len(values)}H", *values)


def _png_chunks() -> Iterator[File]:
    """Chunks that no pixel depends on, whole and damaged."""
    whole = _png_of_patches()
    header, rest = whole[:33], whole[33:]
    long_text = b"n\0" + b"x" * 2_000_000
    added = {
        "compressed text": chunk(b"zTXt", b"n\0\0" + zlib.compress(b"x" * 1_500_000)),
        "long text": chunk(b"tEXt", long_text),
        "long international text": chunk(b"iTXt", b"n\0\1\0\0\0" + zlib.compress(b"x" * 1_500_000)),
        "text that is no text": chunk(b"zTXt", b"n\0\7" + bytes(100)),
        "text with a wrong checksum": _damaged(b"tEXt", b"a\0b"),
        "gamma with a wrong checksum": _damaged(b"gAMA", struct.pack(">I", 100_000)),
        "short gamma": chunk(b"gAMA", b"a"),
        "short primaries": chunk(b"cHRM", b"abc"),
        "short density": chunk(b"pHYs", b"a"),
        "empty intent": chunk(b"sRGB", b""),
        "unknown chunk": chunk(b"abCd", b"abc"),
        "suggested palette": chunk(b"PLTE", b"abcdef"),
        "damaged profile": chunk(b"iCCP", b"a\0\1abc"),
        "profile without a name": chunk(b"iCCP", b""),
        "damaged EXIF data": chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
        "animation without frames": chunk(b"acTL", bytes(8)),
    }
    for name, content in added.items():
        yield f"PNG with {name}", header + content + rest
    yield "PNG with text at the end", _png_of_patches(after=(b"tEXt", long_text))
    yield "PNG with something behind it", whole + b"abc"


def _damaged(kind: bytes, data: bytes) -> bytes:
    return chunk(kind, data)[:-4] + b"zzzz"


def _jpegs() -> Iterator[File]:
    jpeg = encode(patches(), "JPEG", **OPTIONS["JPEG"])
    yield "JPEG with something behind it", jpeg + b"abc" * 100
    yield "JPEG with a thumbnail behind it", jpeg + encode(patches().resize((20, 20)), "JPEG")
    for name, segment in {
        "long comment": (0xFE, bytes(60_000)),
        "damaged Photoshop data": (0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\xff\xff\xff\xff"),
        "damaged list of pictures": (0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        "damaged EXIF data": (0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "empty EXIF data": (0xE1, b"Exif\0\0"),
        "long XMP": (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 60_000),
    }.items():
        yield f"JPEG with {name}", with_segments(jpeg, segment)
    cmyk = encode(patches().convert("CMYK"), "JPEG", quality=100)
    start = cmyk.find(b"Adobe")
    length = int.from_bytes(cmyk[start - 2 : start])
    yield "JPEG CMYK of unknown origin", cmyk[: start - 4] + cmyk[start - 2 + length :]
    yield "JPEG CMYK as YCCK", cmyk[: start + 11] + b"\2" + cmyk[start + 12 :]
    adobe = (0xEE, b"Adobe\0\x64\0\0\0\0\0")
    yield "JPEG with Adobe's and JFIF's mark", with_segments(jpeg, adobe)
    yield "JPEG with Adobe's mark only", with_segments(jpeg[:2] + jpeg[20:], adobe)


def _animations() -> Iterator[File]:
    frame = patches()
    others = [frame.transpose(Image.Transpose.FLIP_LEFT_RIGHT), frame.rotate(180)]
    # Chromium shows animated AVIF files of Pillow with other colours than single pictures.
    for kind in ("GIF", "WEBP", "PNG"):
        options = OPTIONS.get(kind, {})
        yield (
            f"{kind} animation",
            encode(frame, kind, save_all=True, append_images=others, **options),
        )
    yield (
        "WEBP animation with a profile",
        encode(
            frame,
            "WEBP",
            save_all=True,
            append_images=others,
            lossless=True,
            icc_profile=profiles()["Display P3"],
        ),
    )
    yield (
        "PNG animation beside a picture",
        encode(frame, "PNG", save_all=True, append_images=others, default_image=True),
    )
    yield "WEBP animation with a background", encode(
        _cut_out(frame), "WEBP", save_all=True, append_images=others, lossless=True,
        background=(255, 0, 0, 255),
    )  # fmt: skip


def _gifs() -> Iterator[File]:
    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    row = [0, 1, 2, 3]
    yield "GIF", gif((4, 1), (0, 0, 4, 1), row, palette)
    yield "GIF transparent", gif((4, 1), (0, 0, 4, 1), row, palette, 1)
    yield "GIF transparent beyond the palette", gif((4, 1), (0, 0, 4, 1), row, palette, 200)
    for background in (0, 1):
        content = gif((6, 3), (1, 1, 4, 1), row, palette, background=background)
        yield f"GIF frame inside, background {background}", content
    yield "GIF frame inside, transparent", gif((6, 3), (1, 1, 4, 1), row, palette, 2)
    yield "GIF frame partly outside", gif((4, 1), (2, 0, 4, 1), row, palette)
    yield "GIF frame larger", gif((2, 1), (0, 0, 4, 1), row, palette)
    yield "GIF without an end", gif((4, 1), (0, 0, 4, 1), row, palette)[:-1]


def _bmps() -> Iterator[File]:
    pixels = bytes([0, 0, 255, 0, 0, 255, 0, 128, 255, 0, 0, 255, 9, 9, 9, 64])
    clear = bytes([0, 0, 255, 0] * 4)
    row = (4, 1)
    yield "BMP of 32 bits", bmp(row, 32, 0, pixels)
    yield "BMP of 32 bits, all transparent", bmp(row, 32, 0, clear)
    for size in (56, 108, 124):
        yield f"BMP with alpha, header {size}", bmp(row, 32, 3, pixels, size, MASKS)
        yield f"BMP all transparent, header {size}", bmp(row, 32, 3, clear, size, MASKS)
        yield f"BMP without masks in use, header {size}", bmp(row, 32, 0, pixels, size, MASKS)
    yield "BMP with empty masks", bmp(row, 32, 3, pixels, 108, bytes(16))
    yield "BMP with masks", bmp(row, 32, 3, pixels, masks=MASKS[:12])
    yield "BMP with masks and alpha", bmp(row, 32, 6, pixels, masks=MASKS)
    for name, numbers, masks, size in (
        ("555", (0x7C00, 0x3E0, 0x1F, 0x1234), (0x7C00, 0x3E0, 0x1F), 40),
        ("565", (0xF800, 0x7E0, 0x1F, 0x1234), (0xF800, 0x7E0, 0x1F), 40),
        ("4444", (0xFF00, 0x80F0, 0x000F, 0x1234), (0xF00, 0xF0, 0xF, 0xF000), 108),
        ("1555", (0xFC00, 0x3E0, 0x801F, 0x1234), (0x7C00, 0x3E0, 0x1F, 0x8000), 108),
    ):
        data = struct.pack("<4H", *numbers)
        yield f"BMP {name}", bmp(row, 16, 3, data, size, struct.pack(f"<{len(masks)}I", *masks))
    yield "BMP of 16 bits", bmp(row, 16, 0, struct.pack("<4H", 0x7C00, 0x3E0, 0x1F, 0x1234))
    palette = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 9, 9, 9, 0])
    yield "BMP of 8 bits", bmp(row, 8, 0, bytes([0, 1, 2, 3]), palette=palette)
    yield "BMP beyond its palette", bmp(row, 8, 0, bytes([0, 1, 2, 77]), palette=palette)
    yield "BMP of 4 bits", bmp(row, 4, 0, bytes([0x01, 0x23, 0, 0]), palette=palette)
    yield "BMP of 2 bits", bmp(row, 2, 0, bytes([0x1B, 0, 0, 0]), palette=palette)
    yield "BMP of 1 bit", bmp(row, 1, 0, bytes([0x50, 0, 0, 0]), palette=palette[:8])
    lines = bytes([0, 0, 255, 0, 255, 0, 0, 0, 255, 0, 0, 9, 9, 9, 0, 0])
    yield "BMP from the bottom", bmp((2, 2), 24, 0, lines)
    yield (
        "BMP from the top",
        bmp((2, 2), 24, 0, lines, header_bytes=40)[:22]
        + struct.pack("<i", -2)
        + bmp((2, 2), 24, 0, lines)[26:],
    )
    old = b"BM" + struct.pack("<IHHIIHHHH", 34, 0, 0, 26, 12, 2, 1, 1, 24)
    yield "BMP of OS/2", old + bytes([0, 0, 255, 0, 255, 0, 0, 0])
    for name, compression, runs in (
        ("runs", 1, (4, 1, 0, 0, 2, 2, 2, 3, 0, 0, 0, 1)),
        ("runs and moves", 1, (1, 1, 0, 2, 2, 0, 1, 2, 0, 0, 0, 2, 1, 0, 1, 3, 0, 1)),
        ("runs that end early", 1, (2, 1, 0, 1)),
        ("lines that end early", 1, (2, 1, 0, 0, 1, 2, 0, 1)),
        ("runs beyond the line", 1, (9, 1, 0, 0, 4, 2, 0, 1)),
        ("single pixels", 1, (0, 3, 1, 2, 3, 0, 1, 0, 0, 0, 4, 2, 0, 1)),
        ("runs of 4 bits", 2, (4, 0x12, 0, 0, 2, 0x23, 0, 0, 0, 1)),
        ("single pixels of 4 bits", 2, (0, 3, 0x12, 0x30, 1, 0, 0, 0, 4, 0x23, 0, 1)),
    ):  # fmt: skip
        bits = 8 if compression == 1 else 4
        yield f"BMP {name}", bmp((4, 2), bits, compression, bytes(runs), palette=palette)
