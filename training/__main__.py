"""Trains the bundled model and writes its weights and model card: `python -m training`."""

import argparse
from pathlib import Path

import torch

from classifier.machine import processors
from classifier.models import bundled_model
from classifier.models.model import StateDict
from training import data, evaluate, export
from training.recipe import Recipe
from training.train import train

BUNDLED = bundled_model.FILE.parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny-imagenet"))
    parser.add_argument("--photos", type=Path, default=Path("../shared/data/photos"))
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("training/work"),
        help="folder for checkpoints and decoded pictures",
    )
    parser.add_argument("--output", type=Path, default=BUNDLED, help="folder for weights and card")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--times", type=int, default=1, help="factor for the number of epochs")
    arguments = parser.parse_args()
    if arguments.times < 1:
        parser.error(f"--times {arguments.times}: must be 1 or more")
    recipe = Recipe().lengthened(arguments.times)
    device = torch.device(arguments.device)
    try:
        pictures = data.read(arguments.data, arguments.work)
    except data.DataError as error:
        parser.exit(1, f"{error}\n")

    network = train(recipe, pictures, device, arguments.work / "checkpoint.pt")
    held_back = evaluate.scores(network, pictures.temperature, device)
    temperature = evaluate.temperature(held_back, pictures.temperature.classes)
    first, _ = evaluate.accuracy(
        evaluate.scores(network, pictures.validation, device), pictures.validation.classes
    )
    weights = arguments.output / bundled_model.FILE.name
    export.write_weights(network, temperature, first, pictures.imagenet_classes, weights)
    cuda = device.type == "cuda"
    machine = torch.cuda.get_device_name() if cuda else f"{processors()} processor cores"
    judge(weights, recipe, machine, temperature, pictures, arguments.photos)


def judge(
    weights: Path,
    recipe: Recipe,
    machine: str,
    temperature: float,
    pictures: data.Data,
    photos: Path,
) -> None:
    """Evaluates the weights as the app loads them and writes the model card next to them."""
    model = bundled_model.load(weights)
    assert isinstance(model.network, StateDict)
    network = model.network.load(weights)
    classes = pictures.validation.classes
    scores = evaluate.scores(network, pictures.validation, torch.device("cpu"))
    first, among_five = evaluate.accuracy(scores, classes)
    known, photos_first, photos_five = evaluate.photographs(model, network, photos)
    export.draw_reliability(scores, classes, weights.with_name("reliability.png"))
    export.write_card(
        {
            "parameters": f"{model.parameters / 1e6:.2f}",
            "megabytes": f"{model.megabytes:.1f}",
            "epochs": str(recipe.epochs),
            "machine": machine,
            "top1": f"{first:.1%}",
            "top5": f"{among_five:.1%}",
            "error": f"{evaluate.calibration_error(scores, classes):.3f}",
            "error_before": f"{evaluate.calibration_error(scores * temperature, classes):.3f}",
            "temperature": f"{temperature:.2f}",
            "photos": str(known),
            "photos_top1": f"{photos_first / max(known, 1):.0%}",
            "photos_top5": f"{photos_five / max(known, 1):.0%}",
            "labels": ", ".join(model.labels),
        },
        weights.with_name("README.md"),
    )
    print(f"top-1 {first:.2%}, top-5 {among_five:.2%}: {weights.with_name('README.md')}")


if __name__ == "__main__":
    main()
