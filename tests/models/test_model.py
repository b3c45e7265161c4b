import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from classifier.models import bundled_model, catalogue
from tests.support.small_models import state_dict


def test_a_model_cannot_be_changed() -> None:
    model = bundled_model.load()

    with pytest.raises(dataclasses.FrozenInstanceError):
        model.accuracy = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(("name", "side"), [("tiny", 64), ("resnet18", 224), ("inception_v3", 299)])
def test_the_input_shape_is_the_shape_of_a_preprocessed_picture(name: str, side: int) -> None:
    assert catalogue.load([name])[name].input_shape == (3, side, side)


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_gigaflops_are_the_operations_for_one_picture(name: str) -> None:
    model = catalogue.load([name])[name]
    shape = model.input_shape
    with (
        torch.device("meta"),  # nothing is computed
        torch.inference_mode(),
        FlopCounterMode(display=False) as counter,
    ):
        state_dict(model).build().eval()(torch.empty(1, *shape))

    # The counter counts multiplications and additions separately, torchvision counts pairs.
    assert counter.get_total_flops() / 2e9 == pytest.approx(model.gigaflops, abs=0.001)
