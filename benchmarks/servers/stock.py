"""A plain Gradio interface: `python -m benchmarks.servers.stock WEIGHTS MODEL`.

With the model `nothing`, the function does nothing. This measures the cost of Gradio itself.
"""

import os
import sys
from pathlib import Path

import gradio
import torch
from PIL import Image

from benchmarks import material
from classifier.settings import Settings


def main(weights: Path, name: str) -> None:
    settings = Settings.from_environment(os.environ)
    names = sorted(file.name for file in settings.images.iterdir())
    if name == "nothing":

        def classify(image: str, model: str) -> dict[str, float]:
            return {"nothing": 1.0}

    else:
        chosen = material.with_weights(name, weights)
        network = material.eager(chosen)

        def classify(image: str, model: str) -> dict[str, float]:
            picture = Image.open(settings.images / image).convert("RGB")
            with torch.inference_mode():
                scores = network(chosen.preprocessing.apply(picture).unsqueeze(0))[0].softmax(dim=0)
            values, places = scores.topk(5)
            pairs = zip(places.tolist(), values.tolist(), strict=True)
            return {chosen.labels[place]: value for place, value in pairs}

    gradio.Interface(
        classify,
        [gradio.Dropdown(names), gradio.Dropdown([name])],
        gradio.Label(num_top_classes=5),
        api_name="classify",
    ).launch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
