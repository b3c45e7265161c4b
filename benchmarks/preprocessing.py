"""What decoding to fewer pixels saves, and whether it changes an answer.

`python -m benchmarks.preprocessing` takes every photograph of a folder, enlarged four
times to the size of a camera's, and prepares it twice: decoded in full, as torchvision
would, and as the classifier does. `tiny`, with its real weights, then classifies both.
"""

import argparse
import io
import time
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from classifier import catalog, images
from classifier.images import MOST_PIXELS, Gallery
from classifier.predict import DETAIL

ENLARGED = 4
MODELS = ("tiny", "resnet18", "inception_v3")


def enlarged(path: Path) -> bytes:
    """The photograph as a larger JPEG file."""
    photograph = images.read(path, path.name)
    width, height = photograph.size
    file = io.BytesIO()
    photograph.resize((width * ENLARGED, height * ENLARGED), Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=92
    )
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preprocessing", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data/photos"))
    folder = parser.parse_args().folder
    models = catalog.load(MODELS)
    tiny = models["tiny"]
    assert isinstance(tiny.weights, Path)
    network = tiny.build()
    network.load_state_dict(tiny.read(tiny.weights))
    network.eval()

    names = Gallery(folder).names()
    seconds = {model: [0.0, 0.0] for model in models}
    differences = dict.fromkeys(models, 0.0)
    changed, largest = 0, 0.0
    for name in tqdm(names, "photographs"):
        content = enlarged(folder / name)
        for model in models.values():
            prepared = []
            for way, least in enumerate((MOST_PIXELS, DETAIL * model.pixels)):
                begin = time.perf_counter()
                prepared.append(model.preprocess(images.read(content, name, least)))
                seconds[model.name][way] += time.perf_counter() - begin
            full, fewer = prepared
            differences[model.name] += float((full - fewer).abs().mean()) / len(names)
            if model is tiny:
                with torch.inference_mode():
                    answers = network(torch.stack(prepared)).softmax(dim=1)
        changed += int(answers[0].argmax() != answers[1].argmax())
        largest = max(largest, float((answers[0] - answers[1]).abs().max()))

    print(f"{len(names)} photographs, decoded to at least {DETAIL} times the pixels needed\n")
    print("| model | in full | to fewer pixels | mean difference, in deviations of ImageNet |")
    print("|---|---:|---:|---:|")
    for name, (full_seconds, fewer_seconds) in seconds.items():
        cells = [f"{1000 * total / len(names):.1f} ms" for total in (full_seconds, fewer_seconds)]
        print(f"| `{name}` | {' | '.join(cells)} | {differences[name]:.4f} |")
    print(
        f"\n`tiny` changed its first label for {changed}, a probability by {largest:.3f} at most."
    )


if __name__ == "__main__":
    main()
