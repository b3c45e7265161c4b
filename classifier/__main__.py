"""The command line: serves the page, classifies files, downloads weights and sample pictures."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from classifier.errors import ClassifierError
from classifier.inference.classifier import Classifier
from classifier.inference.prediction import Prediction
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.pictures import samples
from classifier.pictures.decoding import describe_suffixes
from classifier.pictures.gallery import picture_files
from classifier.pictures.source import PictureSource
from classifier.progress_bar import progress_bar
from classifier.settings import Settings

STANDARD_INPUT = "-"
PIPE_SIGNAL = 13  # SIGPIPE; Windows does not have it
MAX_INPUT_BYTES = 256 << 20  # from the standard input
INSTALLED = "image-classifier"  # the name of this program after `pip install`
PROGRAM = INSTALLED if Path(sys.argv[0]).stem == INSTALLED else "python -m classifier"
EPILOG = f"""commands:
  {PROGRAM} classify PICTURE ...   the same as above
  {PROGRAM} serve                  serve the page
  {PROGRAM} fetch [MODEL ...]      download the weights of models in advance
  {PROGRAM} fetch-images           download the 1,000 sample pictures of the course"""


def run() -> int:
    """Runs the command in the arguments of this process and returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Some consoles cannot print all letters, and file names can contain anything.
            stream.reconfigure(errors="replace")
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # for example, head has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + PIPE_SIGNAL
    return code


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code: 0 if everything succeeded, or else 1."""
    commands: Mapping[str, Callable[[Settings, Sequence[str]], int]] = {
        "classify": classify,
        "fetch": fetch,
        "fetch-images": fetch_images,
    }
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", arguments)
    try:
        if name == "serve":
            return serve(rest)
        settings = Settings.from_environment(os.environ).with_writable_cache()
        if name in commands:
            return commands[name](settings, rest)
        return classify(settings, arguments)
    except ClassifierError as error:
        return _print_error(error)
    except KeyboardInterrupt:
        return _print_error("Stopped.")


def serve(arguments: Sequence[str]) -> int:
    """Serves the page until the process is asked to stop."""
    argparse.ArgumentParser(
        prog=f"{PROGRAM} serve",
        description="Serves the page. Environment variables are the settings, see the README.",
    ).parse_args(arguments)
    from classifier.server import start  # it takes seconds, and the other commands do not need it

    start.serve(start.create())
    return 0


def classify(settings: Settings, arguments: Sequence[str]) -> int:
    """Prints the five likeliest labels of each picture."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Prints the five likeliest labels of each picture.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pictures",
        nargs="+",
        metavar="PICTURE",
        help="a file, a folder of pictures, or - for the standard input",
    )
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
    for argument in chosen.pictures:
        pictures = [*_pictures(argument)]
        if not pictures:
            failures += _print_error(
                f"The folder {_printable(argument)} contains no pictures ({describe_suffixes()})."
            )
        for picture in pictures:
            try:
                prediction = classifier.classify(picture.content, picture.name, model)
            except ClassifierError as error:
                failures += _print_error(error)
                continue
            print(json.dumps(prediction.record()) if chosen.json else table(prediction), flush=True)
    return min(failures, 1)


def _pictures(argument: str) -> Iterator[PictureSource]:
    """Yields the pictures that an argument stands for."""
    path = Path(argument)
    if argument == STANDARD_INPUT:
        yield PictureSource(sys.stdin.buffer.read(MAX_INPUT_BYTES), "standard input")
    elif path.is_dir():
        for file in picture_files(path):
            yield PictureSource(file, _printable(str(file)))
    else:
        yield PictureSource(path, _printable(argument))


def _printable(name: str) -> str:
    """Returns a file name with replacement characters for bytes that are not UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def fetch(settings: Settings, arguments: Sequence[str]) -> int:
    """Downloads the weights of the named models, or of all models on offer."""
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} fetch", description="Downloads the weights of models."
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
        prog=f"{PROGRAM} fetch-images", description="Downloads 1,000 sample pictures."
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
    sys.exit(run())
