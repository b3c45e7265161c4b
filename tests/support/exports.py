"""Exports of the models that need no download, made once for all servers of a test run."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from classifier import Classifier, Settings
from classifier.models import bundled_model, efficientnet_lite0

# The processes of a test run have the same parent, or there is only one.
RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
SHARED = Path(tempfile.gettempdir()) / f"image-classifier-tests-{RUN}"


def copy_exports(cache: Path) -> None:
    """Puts the exports into a cache folder, so that a server does not make them again."""
    with FileLock(f"{SHARED}.lock"):
        if not SHARED.is_dir():
            partial = SHARED.with_suffix(".partial")
            names = (efficientnet_lite0.NAME, bundled_model.NAME)
            settings = replace(Settings(device="cpu"), models=names, cache=partial)
            classifier = Classifier.from_settings(settings)
            for model in classifier.catalogue.values():
                with classifier.engine.loaded(model):
                    pass
            partial.rename(SHARED)
    shutil.copytree(SHARED / "onnx", cache / "onnx", dirs_exist_ok=True)


def delete_exports() -> None:
    """Deletes them at the end of a test run."""
    shutil.rmtree(SHARED, ignore_errors=True)
    Path(f"{SHARED}.lock").unlink(missing_ok=True)
