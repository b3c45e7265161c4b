"""The search for the layers of an explanation, in networks of every architecture."""

import pytest
import torch
from torch import Tensor, nn

from classifier.inference import network_layers
from classifier.inference.explanation import observed_layers
from classifier.models import catalogue
from tests.support.picture_files import scene
from tests.support.small_models import reference, state_dict, trained, without_random_weights

# One network of each family, with the sides of the grids of its observed layers.
SIDES = {
    "tiny": [16, 8, 4],
    "alexnet": [27, 13, 6],
    "convnext_tiny": [28, 14, 7],
    "densenet121": [28, 14, 7],
    "efficientnet_v2_s": [48, 24, 12],
    "googlenet": [28, 14, 7],
    "inception_v3": [35, 17, 8],
    "maxvit_t": [28, 14, 7],
    "mnasnet0_5": [28, 14, 7],
    "mobilenet_v2": [28, 14, 7],
    "mobilenet_v3_large": [28, 14, 7],
    "regnet_y_400mf": [28, 14, 7],
    "resnet18": [28, 14, 7],
    "resnext50_32x4d": [28, 14, 7],
    "shufflenet_v2_x0_5": [28, 14, 7],
    "squeezenet1_1": [55, 27, 13],
    "swin_t": [28, 14, 7],
    "swin_v2_t": [32, 16, 8],
    "vgg16": [28, 14, 7],
    # The input of its twelve blocks, the blocks, and three layers after them.
    "vit_b_16": [14] * 16,
}


def without_weights(name: str) -> tuple[nn.Module, Tensor]:
    """Returns a network that computes only shapes, and an example of its input."""
    model = catalogue.load([name])[name]
    # The builder of RegNets computes with real values.
    device = "cpu" if name.startswith("regnet") else "meta"
    with torch.device(device), without_random_weights():
        network = state_dict(model).build().to("meta").eval().requires_grad_(False)
    return network, torch.empty(1, *model.input_shape, device="meta")


@pytest.mark.parametrize("name", SIDES)
def test_networks_of_every_kind_have_observed_layers(name: str) -> None:
    network, example = without_weights(name)
    sides: dict[nn.Module, int | None] = {}
    for layer in network.modules():
        layer.register_forward_hook(
            lambda layer, inputs, output: sides.update({layer: network_layers.side(output)})
        )

    observed = observed_layers(network, example)  # runs the network once

    assert [sides[layer] for layer in observed] == SIDES[name]


@pytest.mark.parametrize("name", ["tiny", "mobilenet_v3_small", "resnet18", "vit_b_32"])
def test_all_information_passes_through_each_observed_layer(name: str) -> None:
    model = catalogue.load([name])[name]
    network = trained() if name == "tiny" else reference(name, scene())
    network.eval().requires_grad_(False)
    picture, other = (
        model.preprocessing.apply(picture).unsqueeze(0)
        for picture in (scene(), scene().rotate(180))
    )
    observed = observed_layers(network, picture)
    outputs: dict[nn.Module, Tensor] = {}
    hooks = [
        layer.register_forward_hook(
            # The next layer may write into the output, so keep a copy.
            lambda layer, inputs, output: outputs.update({layer: output.clone()})
        )
        for layer in observed
    ]
    wanted = network(other)
    for hook in hooks:
        hook.remove()
    assert (wanted - network(picture)).abs().max() > 0.1

    for layer in observed:
        # With the output of one layer for the other picture, the scores are those of the other.
        hook = layer.register_forward_hook(lambda layer, inputs, output: outputs[layer].clone())
        torch.testing.assert_close(network(picture), wanted, rtol=0, atol=1e-5)
        hook.remove()


@pytest.mark.parametrize(
    ("shape", "side"),
    [
        ((1, 512, 7, 7), 7),
        ((1, 7, 7, 768), 7),
        ((1, 197, 768), 14),
        ((1, 201, 768), 14),
        ((1, 196, 768), 14),
        ((1, 205, 768), None),
        ((1, 512, 1, 1), None),
        ((1, 3, 4, 5), None),
        ((1, 1000), None),
    ],
)
def test_a_grid_is_recognised_by_its_shape(shape: tuple[int, ...], side: int | None) -> None:
    assert network_layers.side(torch.empty(shape)) == side


def test_a_grid_has_the_same_positions_as_the_picture() -> None:
    positions = torch.rand(5, 3, 3)  # channels, rows, columns
    tokens = torch.cat([torch.zeros(1, 5), positions.flatten(1).T]).unsqueeze(0)

    for output in (positions[None], positions.permute(1, 2, 0)[None], tokens):
        torch.testing.assert_close(network_layers.grid(output), positions)


def test_the_search_leaves_no_hooks() -> None:
    network, example = without_weights("resnet18")
    network_layers.bottlenecks(network, example)

    assert not any(layer._forward_hooks for layer in network.modules())
