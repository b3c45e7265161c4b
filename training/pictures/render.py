"""Renders a scene with Cycles: reproducible, denoised, and with a fixed number of threads."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from PIL import Image

LARGEST_BYTES = 150_000


def render(path: Path, size: int, samples: int, threads: int) -> None:
    """Renders the open scene to a square JPEG of `size` pixels and at most 150 kB."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    cycles = scene.cycles
    cycles.device, cycles.seed, cycles.samples = "CPU", 0, samples
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.04
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 8, 2, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 8, 8
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 6.0
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/picture.png"
        with _silence():
            bpy.ops.render.render(write_still=True)
        with Image.open(scene.render.filepath) as picture:
            path.write_bytes(jpeg(picture.convert("RGB"), LARGEST_BYTES))


def jpeg(picture: Image.Image, largest: int) -> bytes:
    """Returns the picture as a JPEG at the best quality that fits into `largest` bytes.

    The lowest quality is used if nothing fits.
    """
    for quality in range(93, 30, -3):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= largest:
            break
    return buffer.getvalue()


@contextmanager
def _silence() -> Iterator[None]:
    """Hides Blender's progress output.

    Blender writes it to the file descriptor directly, so redirecting `sys.stdout` is not enough.
    """
    terminal = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(terminal, 1)
        os.close(terminal)
