"""The command line: classifies files, and downloads weights and sample pictures."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classifier.errors import ClassifierError
from classifier.inference.classifier import Classifier
from classifier.inference.prediction import Prediction
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.pictures import samples
from classifier.progress_bar import progress_bar
from classifier.settings import Settings

EPILOG = """other commands:
  python -m classifier fetch [MODEL ...]   download the weights of models in advance
  python -m classifier fetch-images        download the 1,000 sample pictures of the course"""


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code: 0 if everything succeeded, or else 1."""
    try:
        settings = Settings.from_environment(os.environ)
        if arguments and arguments[0] == "fetch":
            return fetch(settings, arguments[1:])
        if arguments and arguments[0] == "fetch-images":
            return fetch_images(settings, arguments[1:])
        return classify(settings, arguments)
    except ClassifierError as error:
        return _print_error(error)
    except KeyboardInterrupt:
        return _print_error("Stopped.")


def classify(settings: Settings, arguments: Sequence[str]) -> int:
    """Prints the five likeliest labels of each picture."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier",
        description="Prints the five likeliest labels of each picture.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file")
    parser.add_argument(
        "--model",
        default=settings.models[0],
        help="a name, timm/NAME, ./FOLDER or hf-hub:USER/NAME (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object on each line")
    chosen = parser.parse_args(arguments)
    # One picture after the other, and each uses all processors.
    model = _find(chosen.model, settings)
    classifier = Classifier.from_settings(replace(settings, concurrency=1), {model.name: model})
    _download_with_bar(classifier, model)
    failures = 0
    for picture in chosen.pictures:
        try:
            prediction = classifier.classify(Path(picture), picture, model)
        except ClassifierError as error:
            failures += _print_error(error)
            continue
        print(json.dumps(prediction.record()) if chosen.json else table(prediction), flush=True)
    return min(failures, 1)


def fetch(settings: Settings, arguments: Sequence[str]) -> int:
    """Downloads the weights of the named models, or of all models on offer."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier fetch", description="Downloads the weights of models."
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all on offer")
    names = parser.parse_args(arguments).models or settings.models
    models = {name: _find(name, settings) for name in names}
    classifier = Classifier.from_settings(settings, models)
    failures = 0
    for model in models.values():
        try:
            print(f"{model.name}: {_download_with_bar(classifier, model)}")
        except ClassifierError as error:
            failures += _print_error(error)
    return min(failures, 1)


def fetch_images(settings: Settings, arguments: Sequence[str]) -> int:
    """Downloads the sample pictures of the course."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier fetch-images", description="Downloads 1,000 sample pictures."
    )
    parser.add_argument(
        "--to", type=Path, default=settings.cache / "imagenet-sample-images", metavar="FOLDER"
    )
    parser.add_argument("--url", default=samples.URL, help="a zip archive (%(default)s)")
    chosen = parser.parse_args(arguments)
    with progress_bar("pictures") as report:
        count = samples.fetch(chosen.url, chosen.to, report)
    print(f"{count} pictures in {chosen.to}. To offer them, set CLASSIFIER_IMAGES={chosen.to}")
    return 0


def table(prediction: Prediction) -> str:
    """Formats a prediction for people."""
    head = f"{prediction.image} ({prediction.model}, {prediction.seconds * 1000:.0f} ms)"
    rows = [
        f"  {rank}  {top.label:<28} {top.probability:7.2%}"
        for rank, top in enumerate(prediction.predictions, start=1)
    ]
    return "\n".join([head, *rows])


def _find(name: str, settings: Settings) -> Model:
    """Returns a model, on offer or not; a wrong name on offer is an error of the settings."""
    return catalogue.load([name])[name] if name in settings.models else catalogue.find(name)


def _download_with_bar(classifier: Classifier, model: Model) -> Path:
    if classifier.engine.is_downloaded(model):
        return classifier.engine.download(model)
    with progress_bar(model.name) as report:
        return classifier.engine.download(model, report)


def _print_error(error: object) -> int:
    print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
