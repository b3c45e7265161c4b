"""timm's pretrained classifiers, with random weights from a server on this machine."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

from classifier.errors import ModelError
from classifier.inference.explanation import explain
from classifier.models import catalogue, imagenet, timm_models
from classifier.models.hub import HubFile
from tests.support import agreement
from tests.support.hub_server import HubServer
from tests.support.picture_files import encode, scene

# Networks of different kinds and with different preprocessing, all of them small.
NAMES = (
    "resnet10t.c3_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
    "convnext_atto.d2_in1k",
    "vit_tiny_patch16_224.augreg_in21k",
    "efficientvit_m0.r224_in1k",
    "tiny_vit_5m_224.dist_in22k",
    "convnextv2_nano.fcmae_ft_in22k_in1k_384",  # squashes pictures
)


@pytest.mark.parametrize("name", NAMES)
def test_a_prediction_agrees_with_timm(name: str, hub_server: HubServer, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model(name, pretrained=False).eval()
    config = timm.data.resolve_model_data_config(theirs)
    pixels = timm.data.create_transform(**config, is_training=False)(scene()).unsqueeze(0)
    agreement.spread(theirs, pixels)
    hub_server.files[f"timm/{name}/model.safetensors"] = save(theirs.state_dict())

    model = catalogue.find(f"timm/{name}")

    assert model.weights == HubFile(f"timm/{name}", "model.safetensors")
    assert model.parameters == sum(parameter.numel() for parameter in theirs.parameters())
    assert len(model.labels) == len(set(model.labels)) == theirs.num_classes
    with torch.inference_mode():
        expected = theirs(pixels).softmax(1)[0]
    agreement.check(model, expected, scene(), tmp_path)


def test_a_transformer_with_register_tokens_can_be_explained(
    hub_server: HubServer, tmp_path: Path
) -> None:
    name = "vit_wee_patch16_reg1_gap_256.sbb_in1k"
    network = timm.create_model(name, pretrained=False)
    hub_server.files[f"timm/{name}/model.safetensors"] = save(network.state_dict())
    model = catalogue.find(f"timm/{name}")
    classifier = agreement.classifier_of(model, tmp_path)

    explanation = explain(classifier, encode(scene(), "PNG"), "scene.png", model)

    assert [len(one.heatmap) for one in explanation.heatmaps] == [16] * 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timm/resnet51", "timm has no pretrained model resnet51; the closest: resnet"),
        ("timm/resnet18.nothing", "timm has no pretrained model resnet18.nothing; the closest: "),
        ("timm/", "timm has no pretrained model ; "),
        ("timm/resnet50_clip.openai", "timm/resnet50_clip.openai is not a classifier with known"),
        ("timm/test_vit.r160_in1k/../x", "timm has no pretrained model test_vit.r160_in1k/../x; "),
    ],
)
def test_what_timm_cannot_offer_is_explained(name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        catalogue.find(name)

    assert str(caught.value).startswith(message)
    assert len(str(caught.value).splitlines()) == 1


def test_every_classifier_of_timm_has_labels_and_weights() -> None:
    names = timm.list_models(pretrained=True)
    without_labels, without_digest = 0, []
    for name in names:
        config = timm.get_pretrained_cfg(name)
        if timm.data.infer_imagenet_subset(config) is None:
            without_labels += 1
            continue
        try:
            timm_models._weights(name, config, 1.0)
        except ModelError:
            without_digest.append(name)

    assert len(names) - without_labels > 1400
    assert len(without_digest) < 10


@pytest.mark.parametrize(
    "subset",
    [
        "imagenet-1k",
        "imagenet-12k",
        "imagenet-22k",
        "imagenet-22k-ms",
        "imagenet-21k-goog",
        "imagenet-21k-miil",
    ],
)
def test_no_label_stands_twice(subset: str) -> None:
    labels = imagenet.labels_of_subset(subset)

    assert len(labels) == len(set(labels)) == timm.data.ImageNetInfo(subset).num_classes()
    cranes = [label for label in labels if label.startswith("crane")]
    assert len(cranes) >= 2
    assert all("(" in label for label in cranes if label.split(" (")[0] == "crane")


def test_labels_that_stand_twice_are_told_apart() -> None:
    assert imagenet.labels()[134] == "crane (bird)"
    assert imagenet.labels()[517] == "crane (machine)"
    assert imagenet.distinct(["a", "b", "a", "a (2)", "a"]) == ("a", "b", "a (3)", "a (2)", "a (4)")
