"""Layers that all goes through, found in networks of every architecture."""

import pytest
import torch
from torch import Tensor, nn

from classifier import catalog, layers
from classifier.explain import chosen
from tests.models import reference, trained
from tests.pictures import scene

# One of each family, and the sides of the grids that are looked at.
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
    # What comes before its twelve blocks, these, and three names for what comes after.
    "vit_b_16": [14] * 16,
}


def without_weights(name: str) -> tuple[nn.Module, Tensor]:
    """A network that calculates shapes and nothing else, and an example of its input."""
    model = catalog.load([name])[name]
    # The builder of RegNets has to calculate.
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        network = model.build().to("meta").eval().requires_grad_(False)
    return network, torch.empty(1, *model.shape, device="meta")


@pytest.mark.parametrize("name", SIDES)
def test_every_kind_of_network_has_layers_to_look_at(name: str) -> None:
    network, example = without_weights(name)
    sides = {found.layer: found.side for found in layers.bottlenecks(network, example)}

    assert [sides[layer] for layer in chosen(network, example)] == SIDES[name]


@pytest.mark.parametrize("name", ["tiny", "mobilenet_v3_small", "resnet18", "vit_b_32"])
def test_all_that_is_known_of_a_picture_goes_through_each_layer(name: str) -> None:
    model = catalog.load([name])[name]
    network = trained() if name == "tiny" else reference(name, scene())
    network.eval().requires_grad_(False)
    picture, other = (
        model.preprocess(picture).unsqueeze(0) for picture in (scene(), scene().rotate(180))
    )
    wanted = network(other)
    assert (wanted - network(picture)).abs().max() > 0.1

    for layer in chosen(network, picture):
        seen: list[Tensor] = []
        hook = layer.register_forward_hook(lambda layer, inputs, output, to=seen: to.append(output))
        network(other)
        hook.remove()
        hook = layer.register_forward_hook(lambda layer, inputs, output, to=seen: to[0].clone())
        torch.testing.assert_close(network(picture), wanted, rtol=0, atol=1e-5)
        hook.remove()


@pytest.mark.parametrize(
    ("shape", "side"),
    [
        ((1, 512, 7, 7), 7),
        ((1, 7, 7, 768), 7),
        ((1, 197, 768), 14),
        ((1, 196, 768), None),
        ((1, 512, 1, 1), None),
        ((1, 3, 4, 5), None),
        ((1, 1000), None),
    ],
)
def test_a_grid_is_told_by_its_shape(shape: tuple[int, ...], side: int | None) -> None:
    assert layers.side(torch.empty(shape)) == side


def test_a_grid_has_its_places_where_they_are_in_the_picture() -> None:
    places = torch.rand(5, 3, 3)  # channels, rows, columns
    tokens = torch.cat([torch.zeros(1, 5), places.flatten(1).T]).unsqueeze(0)

    for output in (places[None], places.permute(1, 2, 0)[None], tokens):
        torch.testing.assert_close(layers.grid(output), places)


def test_no_hooks_stay_behind() -> None:
    network, example = without_weights("resnet18")
    layers.bottlenecks(network, example)

    assert not any(layer._forward_hooks for layer in network.modules())
