import asyncio
import threading

import pytest

from classifier.errors import BusyError, PictureError
from classifier.pictures import editor
from classifier.pictures.decoding import decode
from classifier.pictures.editor import PictureEditor
from classifier.pictures.edits import Edits
from classifier.pictures.source import PictureSource
from tests.support.picture_files import encode, scene
from tests.support.server import run


def test_an_edited_picture_is_a_png_with_the_same_name() -> None:
    edits = Edits(rotation=90)
    source = PictureSource(encode(scene(), "BMP"), "scene.bmp")

    edited = run(PictureEditor().edit(source, edits))

    assert (edited.name, edited.edits) == ("scene.bmp", edits)
    assert isinstance(edited.content, bytes)
    assert edited.content.startswith(b"\x89PNG")
    assert decode(edited.content, "edited").tobytes() == edits.apply(scene()).tobytes()


def test_at_most_two_threads_edit_pictures_at_the_same_time() -> None:
    running, most = 0, 0
    lock, both = threading.Lock(), threading.Barrier(editor.THREADS)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(20)
        with lock:
            running -= 1

    async def run_all() -> None:
        pictures = PictureEditor()
        await asyncio.gather(*(pictures.run(work) for _ in range(5 * editor.THREADS)))

    run(run_all())

    assert most == editor.THREADS == 2


def test_too_much_work_is_refused_until_some_has_ended() -> None:
    go = threading.Event()

    async def fill() -> None:
        pictures = PictureEditor()
        tasks = [
            asyncio.create_task(pictures.run(lambda: go.wait(20))) for _ in range(editor.MAX_TASKS)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match=r"^The server is editing too many pictures\. Try ag"):
            await pictures.run(lambda: None)
        go.set()
        assert all(await asyncio.gather(*tasks))
        assert await pictures.run(lambda: "done") == "done"

    run(fill())


def test_an_error_makes_room_for_other_work() -> None:
    async def fail() -> None:
        pictures = PictureEditor()
        for _ in range(editor.MAX_TASKS + 1):
            with pytest.raises(PictureError):
                await pictures.edit(PictureSource(b"text", "text.png"), Edits())

    run(fail())
