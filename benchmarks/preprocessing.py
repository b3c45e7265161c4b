"""Measures the time that decoding to fewer pixels saves, and whether it changes predictions.

`python -m benchmarks.preprocessing` enlarges every photograph of a folder four times, to the
size of a camera's photographs. It preprocesses each one twice: fully decoded, as torchvision
does, and decoded to fewer pixels, as the classifier does. The default model then classifies both.
"""

import io
import time
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from benchmarks import material
from benchmarks.arguments import picture_folder
from benchmarks.checks import Parser
from classifier.inference.classifier import OVERSAMPLING
from classifier.models import catalogue
from classifier.pictures.decoding import decode
from classifier.pictures.formats.picture_file import MAX_PIXELS
from classifier.pictures.gallery import Gallery

ENLARGED = 4
MODELS = (material.DEFAULT, "resnet18", "inception_v3")


def enlarged(path: Path) -> bytes:
    """Returns the enlarged photograph as a JPEG file."""
    photograph = decode(path, path.name)
    width, height = photograph.size
    file = io.BytesIO()
    photograph.resize((width * ENLARGED, height * ENLARGED), Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=92
    )
    return file.getvalue()


def main() -> None:
    parser = Parser(prog="python -m benchmarks.preprocessing", description=__doc__)
    parser.add_argument("folder", type=picture_folder, nargs="?", default="../shared/data/photos")
    folder = parser.parse_args().folder
    models = catalogue.load(MODELS)
    default = models[material.DEFAULT]
    network = material.eager(default)

    names = Gallery(folder).names()
    seconds = {model: [0.0, 0.0] for model in models}
    differences = dict.fromkeys(models, 0.0)
    changed, largest = 0, 0.0
    for name in tqdm(names, "photographs"):
        content = enlarged(folder / name)
        for model in models.values():
            prepared = []
            for way, least in enumerate(
                (MAX_PIXELS, OVERSAMPLING * model.preprocessing.resize_pixels)
            ):
                begin = time.perf_counter()
                prepared.append(model.preprocessing.apply(decode(content, name, least)))
                seconds[model.name][way] += time.perf_counter() - begin
            full, fewer = prepared
            differences[model.name] += float((full - fewer).abs().mean()) / len(names)
            if model is default:
                with torch.inference_mode():
                    answers = network(torch.stack(prepared)).softmax(dim=1)
        changed += int(answers[0].argmax() != answers[1].argmax())
        largest = max(largest, float((answers[0] - answers[1]).abs().max()))

    print(f"{len(names)} photographs, decoded to at least {OVERSAMPLING} times the pixels needed\n")
    print("| model | full | fewer pixels | mean difference, in ImageNet standard deviations |")
    print("|---|---:|---:|---:|")
    for name, (full_seconds, fewer_seconds) in seconds.items():
        cells = [f"{1000 * total / len(names):.1f} ms" for total in (full_seconds, fewer_seconds)]
        print(f"| `{name}` | {' | '.join(cells)} | {differences[name]:.4f} |")
    print(
        f"\nThe top-1 label of `{default.name}` changed for {changed} photographs. "
        f"Probabilities changed by at most {largest:.3f}."
    )


if __name__ == "__main__":
    main()
