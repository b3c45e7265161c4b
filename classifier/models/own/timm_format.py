"""timm's own format: config.json and weights, as `timm.models.save_for_hf` writes them.

The weights are read by timm, from the folder in which both files are.
"""

from collections.abc import Mapping
from typing import Any

from classifier.errors import ModelError, show
from classifier.models import imagenet, state_files, timm_networks
from classifier.models.model import Model
from classifier.models.own.files import Files
from classifier.models.sizes import describe
from classifier.models.timm_networks import TimmNetwork
from classifier.models.weights import LocalWeights

# Without further arguments, `save_for_hf` writes the second one.
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def load(name: str, files: Files, config: Mapping[str, Any]) -> Model:
    """Returns the model. Raises ModelError if labels, network and weights do not fit together."""
    where = files.location("config.json")
    architecture = config["architecture"]
    timm = timm_networks.import_timm()
    if not isinstance(architecture, str) or not timm.is_model(architecture):
        raise ModelError(
            f"{where} names the architecture {show(architecture)}, which timm does not have; "
            f"{timm_networks.closest(str(architecture))}."
        )
    weights = files.weights(*WEIGHTS)
    network = TimmNetwork(f"local-dir:{files.folder.absolute()}")
    try:
        empty = network.without_weights()
        preprocessing = timm_networks.preprocessing(empty)
        outputs = int(empty.num_classes)  # type: ignore[arg-type]
    # timm has no exception of its own for a configuration that makes no sense.
    except Exception as error:
        raise ModelError(f"{where} does not describe a network of timm: {error}.") from error
    labels = _labels(config, outputs, where)
    if isinstance(weights, LocalWeights):
        state_files.check(weights.path, empty.state_dict(), architecture)
    parameters = timm_networks.parameters(empty)
    return Model(
        name=name,
        description=describe(parameters, len(labels)),
        labels=labels,
        parameters=parameters,
        megabytes=parameters * 4 / (1 << 20),
        preprocessing=preprocessing,
        network=network,
        weights=weights,
    )


def _labels(config: Mapping[str, Any], outputs: int, where: str) -> tuple[str, ...]:
    """Returns the labels of the configuration, or those of ImageNet if it has none."""
    nested = config.get("pretrained_cfg", {})
    names = config.get("label_names") or nested.get("label_names")
    descriptions = config.get("label_descriptions") or nested.get("label_descriptions")
    if names is None:
        subset = timm_networks.import_timm().data.infer_imagenet_subset({"num_classes": outputs})
        if subset is None:
            raise ModelError(f"{where} has no label_names; expected {outputs} of them.")
        return imagenet.labels_of_subset(subset)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"{where} has label_names {show(names)}; expected a list of names.")
    if len(names) != outputs:
        raise ModelError(
            f"{where} has {len(names)} label_names; expected {outputs}, one for each output of the "
            "network."
        )
    if isinstance(descriptions, dict):
        names = [str(descriptions.get(name, name)) for name in names]
    elif isinstance(descriptions, list) and len(descriptions) == len(names):
        names = [str(description) for description in descriptions]
    return imagenet.distinct(names)
