import io
import os
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from classifier.errors import InputError, PictureError, UnknownNameError
from classifier.images import FORMATS, MOST_PIXELS, SUFFIXES, Gallery, read
from tests.pictures import bomb, encode, png, save, scene
from tests.rights import as_nobody

DAMAGED = "is not a picture that can be read, or it is damaged; expected one of "
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95},
}
# How the stored picture must be turned to stand upright, for each EXIF orientation.
STORED: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def values(picture: Image.Image) -> "numpy.ndarray[Any, numpy.dtype[numpy.int16]]":
    """The numbers of a picture, signed, so that they can be subtracted."""
    return numpy.asarray(picture, dtype=numpy.int16)


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures of one size are apart on average, in levels of 256."""
    assert one.size == other.size
    return float(numpy.abs(values(one) - values(other)).mean())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two pictures, surrounded and mixed with what is none."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    save(scene(8, 8), folder / "b.png")
    save(scene(8, 8), folder / "A.JPG")
    save(scene(8, 8), folder / ".hidden.png")
    save(scene(8, 8), tmp_path / "outside.png")
    (folder / "notes.txt").write_text("not a picture")
    (folder / "png").write_text("not a picture")
    (folder / "folder.jpg").mkdir()
    save(scene(8, 8), folder / "folder.jpg" / "inside.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "broken.png").symlink_to(tmp_path / "nothing.png")
    return folder


def test_gallery_lists_pictures_only_in_order_of_the_alphabet(folder: Path) -> None:
    save(scene(8, 8), folder / "C.webp")
    save(scene(8, 8), folder / "a.jpg")

    assert Gallery(folder).names() == ["A.JPG", "a.jpg", "b.png", "C.webp"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_gallery_lists_every_kind_of_picture_in_either_case(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"lower{suffix}").touch()
    (tmp_path / f"upper{suffix.upper()}").touch()

    assert Gallery(tmp_path).names() == [f"lower{suffix}", f"upper{suffix.upper()}"]


def test_gallery_sees_what_changes_in_its_folder(folder: Path) -> None:
    gallery = Gallery(folder)
    save(scene(8, 8), folder / "new.png")
    assert gallery.names() == ["A.JPG", "b.png", "new.png"]
    assert gallery.path("new.png").is_file()

    (folder / "new.png").unlink()

    assert gallery.names() == ["A.JPG", "b.png"]
    with pytest.raises(UnknownNameError):
        gallery.path("new.png")


def test_gallery_leaves_out_a_name_that_is_not_text(folder: Path) -> None:
    shutil.copy(folder / "b.png", folder / os.fsdecode(b"\xff.png"))

    assert Gallery(folder).names() == ["A.JPG", "b.png"]


@pytest.mark.parametrize("name", ["Ä ö.png", "写真.png", "a\u202fb.png", "it's.png", "a,b.png"])
def test_gallery_takes_any_name_that_is_text(folder: Path, name: str) -> None:
    shutil.copy(folder / "b.png", folder / name)

    assert name in Gallery(folder).names()
    assert Gallery(folder).path(name) == folder / name


def test_name_in_the_gallery_leads_to_its_file(folder: Path) -> None:
    assert Gallery(folder).path("A.JPG") == folder / "A.JPG"


@pytest.mark.parametrize(
    "name",
    [
        "missing.png",
        "../outside.png",
        "..",
        ".",
        "",
        "./b.png",
        "b.png/",
        "b.png\0",
        "b.png ",
        "a.jpg",
        "B.PNG",
        "folder.jpg",
        "folder.jpg/inside.png",
        "notes.txt",
        "png",
        ".hidden.png",
        "pipe.png",
        "broken.png",
        "/etc/passwd",
        "x" * 5000,
        None,
        [],
        ["b.png"],
        {"path": "b.png"},
        3,
        True,
        b"b.png",
        Path("b.png"),
    ],
    ids=lambda name: repr(name)[:30],
)
def test_any_other_name_is_unknown(folder: Path, name: object) -> None:
    with pytest.raises(UnknownNameError) as caught:
        Gallery(folder).path(name)

    text = str(caught.value)
    assert text.startswith(f"No picture is called {repr(name)[:79]}")
    assert text.endswith("; valid: A.JPG, b.png.")


def test_absolute_path_of_a_picture_in_the_gallery_is_unknown(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="No picture is called '/"):
        Gallery(folder).path(str(folder / "b.png"))


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (lambda folder: None, "is not there"),
        (lambda folder: folder.mkdir(), "holds no pictures"),
    ],
    ids=["missing", "empty"],
)
def test_gallery_without_pictures_says_where_to_put_them(
    tmp_path: Path, make: Callable[[Path], None], state: str
) -> None:
    gallery = Gallery(tmp_path / "none")
    make(gallery.folder)

    assert gallery.names() == []
    with pytest.raises(PictureError) as caught:
        gallery.path("a.jpg")
    assert str(caught.value) == gallery.emptiness()
    assert gallery.emptiness() == (
        f"The folder of pictures, {tmp_path / 'none'}, {state}; "
        "put pictures (avif, bmp, gif, jpeg, jpg, png, tif, tiff, webp) there "
        "or name another folder in CLASSIFIER_IMAGES."
    )


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("way", ["file", "bytes"])
def test_every_format_comes_back_as_it_was(tmp_path: Path, kind: str, way: str) -> None:
    picture = scene()
    content = encode(picture, kind, **OPTIONS.get(kind, {}))
    file = tmp_path / "picture.jpg"  # whatever it holds: the suffix must not matter
    file.write_bytes(content)

    result = read(file if way == "file" else content, "picture")

    assert result.mode == "RGB"
    lossy = {"JPEG": 2.5, "AVIF": 2.5, "GIF": 8.0}
    assert difference(result, picture) <= lossy.get(kind, 0.0)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_picture_stands_upright_whatever_its_orientation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = STORED[orientation](scene(48, 32))

    upright = read(encode(stored, kind, exif=exif, **OPTIONS.get(kind, {})), "picture")

    assert difference(upright, scene(48, 32)) < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_means_nothing_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert difference(read(encode(scene(), "PNG", exif=exif), "picture"), scene()) == 0


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif"])
def test_damaged_exif_does_not_spoil_the_picture(exif: bytes) -> None:
    assert read(encode(scene(), "JPEG", exif=exif), "picture").size == (320, 200)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grayscale_keeps_its_tones(kind: str) -> None:
    tones = numpy.array([[0, 128 * 257, 64 * 257, 65535, 100 * 257 + 120]], dtype=numpy.uint16)

    result = values(read(encode(Image.fromarray(tones), kind), "picture"))

    assert result[0].tolist() == [[tone] * 3 for tone in (0, 128, 64, 255, 100)]


def test_sixteen_bit_big_endian_grayscale_keeps_its_tones() -> None:
    rows = b"\0" + struct.pack(">4H", 0, 128 * 257, 64 * 257, 65535)

    result = values(read(png(4, 1, rows, depth=16), "picture"))

    assert result[0, :, 0].tolist() == [0, 128, 64, 255]


def test_sixteen_bit_colour_keeps_its_tones() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 128 * 257, 65535, 10 * 257, 20 * 257, 30 * 257)

    result = values(read(png(2, 1, rows, depth=16, colour=2), "picture"))

    assert result[0].tolist() == [[0, 128, 255], [10, 20, 30]]


@pytest.mark.parametrize(
    "numbers",
    [
        numpy.linspace(0, 1, 52, dtype=numpy.float32),
        numpy.linspace(-1000, 5000, 52, dtype=numpy.float32),
        numpy.linspace(-3e38, 3e38, 52, dtype=numpy.float32),
        numpy.arange(52, dtype=numpy.int32) + 70_000,
        numpy.arange(52, dtype=numpy.int32) * 40_000_000 - 1_000_000_000,
    ],
    ids=["unit", "signed", "huge", "narrow integers", "wide integers"],
)
def test_measurements_are_spread_from_black_to_white(numbers: Any) -> None:
    content = encode(Image.fromarray(numbers.reshape(1, 52)), "TIFF")

    result = values(read(content, "picture"))

    assert result[0, :, 0].tolist() == pytest.approx(range(0, 256, 5), abs=1)


def test_measurements_that_are_no_numbers_do_not_spoil_the_others() -> None:
    numbers = numpy.array([[0, 0.5, 1, numpy.nan, numpy.inf, -numpy.inf]], dtype=numpy.float32)

    result = values(read(encode(Image.fromarray(numbers), "TIFF"), "picture"))

    assert result[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]


@pytest.mark.parametrize("number", [0.0, 7.5, numpy.nan, numpy.inf])
def test_measurements_all_alike_are_black(number: float) -> None:
    numbers = numpy.full((3, 4), number, dtype=numpy.float32)

    assert read(encode(Image.fromarray(numbers), "TIFF"), "picture").getcolors() == [
        (12, (0, 0, 0))
    ]


def transparent(mode: str) -> Image.Image:
    """Left half opaque dark, right half red or bright but wholly transparent."""
    picture = Image.new("RGBA", (20, 10), (40, 40, 40, 255))
    picture.paste((255, 0, 0, 0), (10, 0, 20, 10))
    if mode == "P":
        indexed = Image.new("P", (20, 10), 0)
        indexed.putpalette([40, 40, 40, 255, 0, 0])
        indexed.paste(1, (10, 0, 20, 10))
        indexed.info["transparency"] = 1
        return indexed
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("RGBA", "TIFF"),
        ("RGBA", "AVIF"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
    ],
)
def test_transparent_parts_are_white(mode: str, kind: str) -> None:
    picture = transparent(mode)
    options = {"transparency": 1} if mode == "P" else OPTIONS.get(kind, {})

    result = read(encode(picture, kind, **options), "picture")

    assert result.mode == "RGB"
    assert result.getpixel((15, 5)) == (255, 255, 255)
    assert result.getpixel((5, 5)) == pytest.approx((40, 40, 40), abs=2)


def test_half_transparent_parts_are_mixed_with_white() -> None:
    content = encode(Image.new("RGBA", (4, 4), (100, 0, 0, 128)), "PNG")

    result = read(content, "picture").getpixel((0, 0))

    assert result == pytest.approx((177, 127, 127), abs=1)


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG"),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"),
        (Image.new("YCbCr", (4, 4), (76, 85, 255)), "JPEG"),
    ],
)
def test_other_colour_spaces_become_red_green_blue(picture: Image.Image, kind: str) -> None:
    result = read(encode(picture, kind), "picture")

    assert result.mode == "RGB"
    assert result.getpixel((2, 2)) == pytest.approx((254, 0, 0), abs=3)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_tones_become_red_green_blue(mode: str) -> None:
    result = read(encode(Image.new("L", (4, 4), 255).convert(mode), "PNG"), "picture")

    assert (result.mode, result.getpixel((1, 1))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_of_several_frames_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    assert read(content, "picture").getpixel((8, 8)) == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_unusual_shape_is_kept(size: tuple[int, int]) -> None:
    assert read(encode(Image.new("RGB", size), "PNG"), "picture").size == size


@pytest.mark.parametrize("size", [(8_001, 8_000), (13_000, 13_000), (60_000, 60_000)])
@pytest.mark.parametrize(
    "warnings",
    [
        pytest.param("as errors"),
        pytest.param(
            "ignored",
            marks=pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
        ),
    ],
)
def test_picture_of_too_many_pixels_is_refused_undecoded(
    size: tuple[int, int], warnings: str
) -> None:
    assert size[0] * size[1] > MOST_PIXELS
    # Pixels that were decoded would show the damage: there is one row of them.
    content = png(*size, bytes(1 + (size[0] + 7) // 8), depth=1)
    start = time.monotonic()

    with pytest.raises(PictureError) as caught:
        read(content, "bomb.png")

    assert str(caught.value) == "'bomb.png' has too many pixels; at most 64 million are read."
    assert time.monotonic() - start < 1


def test_picture_of_very_many_pixels_is_small_as_a_file_and_refused() -> None:
    content = bomb(13_000, 13_000)
    assert len(content) < 50_000

    with pytest.raises(PictureError, match="too many pixels; at most 64 million are read"):
        read(content, "bomb.png")


def test_picture_just_within_the_limit_is_read() -> None:
    assert read(bomb(8_000, 8_000), "large.png").size == (8_000, 8_000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"just some text\n" * 10,
        EPS,
        SVG,
        HEIC,
        b"%PDF-1.7\n" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        encode(scene(), "PNG")[:2000],
        encode(scene(), "JPEG")[:2000],
        encode(scene(), "JPEG")[:100],
        encode(scene(), "GIF")[:500],
        encode(scene(), "BMP")[:500],
        encode(scene(), "TIFF")[:500],
        encode(scene(), "WEBP")[:500],
        encode(scene(), "AVIF")[:500],
        encode(scene(), "PNG").replace(b"IDAT", b"IDAX"),
        encode(scene(), "PPM"),
        encode(scene(), "ICO"),
    ],
    ids=[
        "empty", "one byte", "text", "EPS", "SVG", "HEIC", "PDF", "PNG signature",
        "cut PNG", "cut JPEG", "cut JPEG header", "cut GIF", "cut BMP", "cut TIFF", "cut WEBP",
        "cut AVIF", "damaged PNG", "PPM", "ICO",
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["file", "bytes"])
def test_what_is_no_picture_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, way: str
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(content)

    with pytest.raises(PictureError) as caught:
        read(file if way == "file" else content, "photo.png")

    assert str(caught.value) == f"'photo.png' {DAMAGED}JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF."


def test_ghostscript_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    # The trap works: without a list of formats, Pillow starts the program.
    with pytest.raises(OSError, match=r".+"), Image.open(io.BytesIO(EPS)) as picture:
        picture.load()
    assert started.exists()
    started.unlink()

    with pytest.raises(PictureError):
        read(EPS, "photo.png")
    assert not started.exists()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda file: None, "There is no file 'photo.png'; expected a picture."),
        (lambda file: file.mkdir(), "'photo.png' is a folder; expected a picture."),
    ],
    ids=["missing", "folder"],
)
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None], text: str
) -> None:
    file = tmp_path / "photo.png"
    make(file)

    with pytest.raises(PictureError) as caught:
        read(file, "photo.png")

    assert str(caught.value) == text


def test_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    file = save(scene(8, 8), tmp_path / "photo.png")
    read(file, "photo.png")  # loads what Pillow needs while that may be read
    file.chmod(0)

    with as_nobody(), pytest.raises(PictureError) as caught:
        read(file, "photo.png")

    assert str(caught.value) == "'photo.png' may not be read; expected a picture."


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\n.png", r"'a\nb\r\n.png'"),
        ("\x1b[2Jx\x00.png", r"'\x1b[2Jx\x00.png'"),
        ("left\u2028\u202egnp.exe", r"'left\u2028\u202egnp.exe'"),
        ("n" * 3000 + ".png", "'" + "n" * 78 + "…"),
    ],
)
def test_message_stays_on_one_short_line_whatever_the_name(name: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        read(b"no picture", name)

    assert str(caught.value).startswith(f"{shown} {DAMAGED}")
    assert str(caught.value).isprintable()
