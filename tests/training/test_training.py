"""Training with a few generated pictures, from the data to the file of weights."""

import csv
import io
import random
import zipfile
from functools import partial
from pathlib import Path

import numpy
import pytest
import torch
from PIL import Image

from classifier.models import bundled_model
from classifier.models.bundled.network import TinyNet
from tests.support.small_models import state_dict
from training import data, evaluate, export
from training.augment import mirrored, random_crops, shifted
from training.data import Data, DataError, Pictures
from training.recipe import Recipe, Stage
from training.train import learning_rate, train

WNIDS = tuple(f"n0000000{number}" for number in range(6))
IMAGENET_CLASSES = [1, 950, 954, 987, 970, 978]
COLOURS = [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 1, 1), (1, 1, 1)]
RECIPE = Recipe(
    stages=(Stage(1, 16), Stage(1, 32), Stage(1, 64, whole=True)),
    batch=12,
    warm_up_epochs=0.5,
    average_decay=0.8,
)
CPU = torch.device("cpu")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains a narrow network: the one of the bundled model would take half a minute."""
    network = partial(TinyNet, widths=(8, 16, 32, 64), depths=(1, 1, 1, 1), stem=(8, 8))
    monkeypatch.setattr("training.train.TinyNet", network)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six classes, each with its own colour and twelve pictures in every shard."""
    created = tmp_path_factory.mktemp("tiny-imagenet")
    with (created / "classes.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["class", "wnid", "label", "imagenet_class"])
        lines.writerows(
            [number, wnid, "", IMAGENET_CLASSES[number]] for number, wnid in enumerate(WNIDS)
        )
    generator = numpy.random.default_rng(0)
    for shard in ["val", *(f"train-{number}" for number in range(data.TRAINING_SHARDS))]:
        with zipfile.ZipFile(created / f"{shard}.zip", "w") as archive:
            for number, wnid in enumerate(WNIDS):
                for picture in range(12):
                    pixels = generator.integers(0, 128, (64, 64, 3), dtype=numpy.uint8)
                    pixels += numpy.array(COLOURS[number], dtype=numpy.uint8) * 127
                    # One picture in twelve is grayscale, because the real data set has some too.
                    mode = Image.fromarray(pixels).convert("L" if picture == 11 else "RGB")
                    content = io.BytesIO()
                    mode.save(content, "JPEG", quality=95)
                    archive.writestr(f"{wnid}/{picture}.jpg", content.getvalue())
    return created


@pytest.fixture
def pictures(folder: Path, tmp_path: Path) -> Data:
    return data.read(folder, tmp_path / "cache")


def test_the_parts_of_the_data_do_not_overlap(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):  # decoded, then from the cache
        read = data.read(folder, tmp_path / "cache")

        assert len(read.training) == 5 * 72 - 60
        assert len(read.temperature) == 60
        assert read.temperature.classes.bincount().tolist() == [10] * 6
        assert len(read.validation) == 72
        assert read.validation.pixels.shape == (72, 3, 64, 64)
        assert read.imagenet_classes == IMAGENET_CLASSES
        blue = read.validation.pixels[read.validation.classes == 0][:11].float().mean((0, 2, 3))
        assert blue[2] > blue[0] + 60


def test_the_error_for_missing_data_names_the_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks classes\.csv, val\.zip, train-0\.zip"):
        data.read(tmp_path, tmp_path / "cache")


@pytest.mark.usefixtures("narrow")
def test_training_learns_and_continues_after_an_interruption(
    pictures: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(RECIPE, pictures, CPU, tmp_path / "whole.pt")
    is_correct = (
        evaluate.scores(whole, pictures.training, CPU).argmax(1) == pictures.training.classes
    )
    assert is_correct.float().mean() > 0.8

    class StoppedError(Exception):
        pass

    def stop_after_the_first_epoch(recipe: Recipe, epoch: float) -> float:
        if epoch >= 1:
            raise StoppedError
        return learning_rate(recipe, epoch)

    with monkeypatch.context() as patched:
        patched.setattr("training.train.learning_rate", stop_after_the_first_epoch)
        with pytest.raises(StoppedError):
            train(RECIPE, pictures, CPU, tmp_path / "stopped.pt")
    resumed = train(RECIPE, pictures, CPU, tmp_path / "stopped.pt")

    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)


@pytest.mark.usefixtures("narrow")
def test_a_checkpoint_of_another_recipe_is_refused(pictures: Data, tmp_path: Path) -> None:
    short = Recipe(stages=(Stage(1, 16),), batch=12)
    train(short, pictures, CPU, tmp_path / "checkpoint.pt")
    with pytest.raises(SystemExit, match="written by another recipe"):
        train(RECIPE, pictures, CPU, tmp_path / "checkpoint.pt")


def test_every_epoch_belongs_to_a_stage() -> None:
    stages = [RECIPE.stage(epoch) for epoch in range(RECIPE.epochs)]

    assert [stage.pixels for stage in stages] == [16, 32, 64]
    assert [stage.whole for stage in stages] == [False, False, True]
    with pytest.raises(ValueError, match="the recipe has 3 epochs"):
        RECIPE.stage(3)


def test_a_lengthened_recipe_keeps_its_proportions() -> None:
    longer = RECIPE.lengthened(3)

    assert [stage.epochs for stage in longer.stages] == [3, 3, 3]
    assert [stage.pixels for stage in longer.stages] == [16, 32, 64]
    assert longer.batch == RECIPE.batch


def test_the_learning_rate_increases_and_then_falls_to_zero() -> None:
    recipe = Recipe((Stage(10, 32), Stage(4, 64, whole=True)), learning_rate=0.2, warm_up_epochs=2)

    assert learning_rate(recipe, 1) == pytest.approx(0.1)
    assert learning_rate(recipe, 2) == pytest.approx(0.2)
    assert learning_rate(recipe, 8) == pytest.approx(0.1)
    assert learning_rate(recipe, 13.999) == pytest.approx(0, abs=1e-6)


def test_shifted_pictures_stay_sharp_and_are_mirrored_at_the_edge() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(64, dtype=torch.uint8).expand(200, 3, 64, 64)
    moved = shifted(ramp, 6)
    offsets = moved[:, 0, 0, 8] - 8  # far enough from the mirrored edge

    assert moved.shape == ramp.shape
    assert set(offsets.int().tolist()) == set(range(-6, 7))
    assert (moved[:, :, :, 8:56].diff(dim=3) == 1).all()
    assert (moved[:, :, :, 0] == offsets.abs().view(-1, 1, 1)).all()
    assert (shifted(ramp.transpose(2, 3), 6)[:, :, 8:56].diff(dim=2) == 1).all()


def test_a_crop_is_a_part_of_its_own_picture() -> None:
    colours = torch.arange(8, dtype=torch.uint8) * 30
    pixels = colours.view(8, 1, 1, 1).expand(8, 3, 64, 64)
    crops = random_crops(pixels, 32, 0.35, random.Random(1))

    assert crops.shape == (8, 3, 32, 32)
    assert (crops == colours.view(8, 1, 1, 1)).all()


def test_crops_have_different_positions_and_sizes() -> None:
    torch.manual_seed(0)
    generator = random.Random(1)
    ramp = torch.arange(64, dtype=torch.uint8).expand(50, 3, 64, 64)
    batches = [random_crops(ramp, 64, 0.35, generator).int() for _ in range(20)]
    widths = {round((batch[0, 0, 0, -1] - batch[0, 0, 0, 0]).item()) for batch in batches}

    assert len(widths) > 5
    assert len({batch[:, 0, 0, 0].float().std().item() for batch in batches}) > 5


def test_half_of_the_pictures_are_mirrored() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(64, dtype=torch.uint8).expand(400, 3, 64, 64)
    view = mirrored(ramp).int()
    is_mirrored = view[:, 0, 0, 0] > view[:, 0, 0, -1]

    assert 0.4 < is_mirrored.float().mean().item() < 0.6
    assert (view[~is_mirrored] == ramp[0].int()).all()
    assert (view[is_mirrored] == ramp[0].flip(2).int()).all()


def test_the_temperature_corrects_overconfidence() -> None:
    torch.manual_seed(0)
    calibrated = torch.randn(4000, 10) * 2
    classes = torch.distributions.Categorical(logits=calibrated).sample()

    assert evaluate.temperature(calibrated * 3, classes) == pytest.approx(3, rel=0.1)
    assert evaluate.calibration_error(calibrated, classes) < 0.03
    assert evaluate.calibration_error(calibrated * 3, classes) > 0.15


def test_accuracy_is_that_of_the_first_label_and_of_the_first_five() -> None:
    scores = torch.arange(10).float().expand(4, 10)  # class 9 is the likeliest, then 8, …

    assert evaluate.accuracy(scores, torch.tensor([9, 5, 4, 0])) == (0.25, 0.5)


def test_the_bundled_model_reads_the_file_of_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = TinyNet(6).eval().to(memory_format=torch.channels_last)  # as in training
    file = tmp_path / "tiny.safetensors"
    export.write_weights(network, 2.0, 0.5, IMAGENET_CLASSES, file)
    model = bundled_model.load(file)
    read = state_dict(model).load(file)
    batch = Pictures(torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8), torch.zeros(4))

    assert (model.labels, model.accuracy) == (
        ("goldfish", "orange", "banana", "corn", "alp", "seashore"),
        0.5,
    )
    torch.testing.assert_close(
        evaluate.scores(read, batch, CPU),
        evaluate.scores(network, batch, CPU) / 2,
        atol=2e-3,
        rtol=2e-3,
    )


def test_the_model_card_has_all_its_numbers() -> None:
    card = (bundled_model.FILE.parent / "README.md").read_text()

    assert "{" not in card
    assert f"{bundled_model.load().accuracy:.1%}" in card
    for label in bundled_model.load().labels:
        assert label in card
