"""What a model sees is what Chromium shows: all files of the corpus, pixel by pixel."""

import base64

import numpy
import pytest
from PIL import Image
from playwright.sync_api import Browser

from classifier.pictures.decoding import decode
from tests.support.picture_corpus import corpus

TOLERANCE = 4  # levels of 256 in a channel
# Draws each file over white; returns its width, its height and its pixels as RGBA.
DRAW = """async files => {
    const results = [];
    for (const file of files) {
        const image = new Image();
        image.src = "data:;base64," + file;
        try { await image.decode(); } catch { results.push(null); continue; }
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d");
        context.fillStyle = "white";
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
        let text = "";
        for (const value of data) text += String.fromCharCode(value);
        results.push([canvas.width, canvas.height, btoa(text)]);
    }
    return results;
}"""


def drawn(browser: Browser, files: list[bytes]) -> list[Image.Image | None]:
    """Returns the files as Chromium draws them over white; None for those that it refuses."""
    page = browser.new_page()
    try:
        results = page.evaluate(DRAW, [base64.b64encode(file).decode() for file in files])
    finally:
        page.close()
    return [
        result
        and Image.frombytes("RGBA", tuple(result[:2]), base64.b64decode(result[2])).convert("RGB")
        for result in results
    ]


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on odd files
def test_every_picture_looks_as_in_chromium(browser: Browser) -> None:
    files = corpus()
    assert len(files) > 300
    wrong = []
    for name, shown in zip(files, drawn(browser, list(files.values())), strict=True):
        if not shown:
            wrong.append(f"{name}: Chromium does not show it")
            continue
        read = decode(files[name], name)
        if read.size != shown.size:
            wrong.append(f"{name}: {read.size}, not {shown.size}")
            continue
        pixels = [numpy.asarray(one, numpy.int16) for one in (read, shown)]
        difference = numpy.abs(pixels[0] - pixels[1]).max()
        if difference > TOLERANCE:
            wrong.append(f"{name}: {difference}")
    assert wrong == []
