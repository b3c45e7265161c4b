"""The command line: classify files, fetch weights, fetch pictures."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from classifier import progress, samples
from classifier.errors import ClassifierError, UnknownNameError
from classifier.predict import Classifier, Prediction
from classifier.settings import Settings

EPILOG = """other commands:
  python -m classifier fetch [MODEL ...]   fetch the weights of models ahead of time
  python -m classifier fetch-images        fetch the 1,000 sample pictures of the course"""


def main(arguments: Sequence[str]) -> int:
    """Runs a command; 0 if all of it succeeded, 1 if not."""
    try:
        settings = Settings.from_environment(os.environ)
        if arguments and arguments[0] == "fetch":
            return fetch(settings, arguments[1:])
        if arguments and arguments[0] == "fetch-images":
            return fetch_images(settings, arguments[1:])
        return classify(settings, arguments)
    except ClassifierError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return _complain("Stopped.")


def classify(settings: Settings, arguments: Sequence[str]) -> int:
    """Prints the five likeliest labels of each picture, in order."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier",
        description="The five likeliest labels of each picture.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file")
    parser.add_argument("--model", default=settings.models[0], help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    chosen = parser.parse_args(arguments)
    # One picture after another, each with all processors.
    classifier = Classifier.from_settings(replace(settings, concurrency=1))
    model = classifier.model(chosen.model)
    _fetch_with_bar(classifier, model.name)
    failures = 0
    for picture in chosen.pictures:
        try:
            prediction = classifier.classify(Path(picture), picture, model)
        except ClassifierError as error:
            failures += _complain(error)
            continue
        print(json.dumps(prediction.record()) if chosen.json else table(prediction), flush=True)
    return min(failures, 1)


def fetch(settings: Settings, arguments: Sequence[str]) -> int:
    """Fetches weights: of the models named, or of all on offer."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier fetch", description="Fetches the weights of models."
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all on offer")
    names = parser.parse_args(arguments).models or settings.models
    classifier = Classifier.from_settings(settings)
    failures = 0
    for name in names:
        try:
            print(f"{name}: {_fetch_with_bar(classifier, name)}")
        except UnknownNameError:
            raise
        except ClassifierError as error:
            failures += _complain(error)
    return min(failures, 1)


def fetch_images(settings: Settings, arguments: Sequence[str]) -> int:
    """Fetches the pictures that the course uses."""
    parser = argparse.ArgumentParser(
        prog="python -m classifier fetch-images", description="Fetches 1,000 sample pictures."
    )
    parser.add_argument(
        "--to", type=Path, default=settings.cache / "imagenet-sample-images", metavar="FOLDER"
    )
    parser.add_argument("--url", default=samples.URL, help="a zip archive (%(default)s)")
    chosen = parser.parse_args(arguments)
    with progress.terminal("pictures") as report:
        count = samples.fetch(chosen.url, chosen.to, report)
    print(f"{count} pictures in {chosen.to}; offer them with CLASSIFIER_IMAGES={chosen.to}")
    return 0


def table(prediction: Prediction) -> str:
    """The prediction for a person to read."""
    head = f"{prediction.image} ({prediction.model}, {prediction.seconds * 1000:.0f} ms)"
    rows = [
        f"  {rank}  {guess.label:<28} {guess.probability:7.2%}"
        for rank, guess in enumerate(prediction.predictions, start=1)
    ]
    return "\n".join([head, *rows])


def _fetch_with_bar(classifier: Classifier, name: str) -> Path:
    model = classifier.model(name)
    if classifier.engine.is_ready(model):
        return classifier.engine.fetch(model)
    with progress.terminal(name) as report:
        return classifier.engine.fetch(model, report)


def _complain(error: object) -> int:
    print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
