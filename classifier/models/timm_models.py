"""timm's pretrained ImageNet classifiers, called `timm/NAME`.

Labels, preprocessing and the address of the weights come from timm's own records.
"""

import re
from typing import Any

from classifier.errors import ModelError
from classifier.models import imagenet, timm_networks
from classifier.models.hub import HubFile
from classifier.models.model import Model
from classifier.models.sizes import describe
from classifier.models.timm_networks import TimmNetwork
from classifier.models.weights import RemoteWeights, Weights

PREFIX = "timm/"
FILE = "model.safetensors"
DIGEST = re.compile(r"-([0-9a-f]{8,})\.\w+$")


def load(name: str) -> Model:
    """Returns a pretrained classifier of timm; its weights are downloaded when they are needed.

    Raises ModelError if timm has no such classifier, or nobody has published its labels.
    """
    timm = timm_networks.import_timm()
    known = name.removeprefix(PREFIX)
    config = _config(known)
    if config is None:
        raise ModelError(f"timm has no pretrained model {known}; {timm_networks.closest(known)}.")
    subset = timm.data.infer_imagenet_subset(config)
    if subset is None:
        raise ModelError(
            f"{name} is not a classifier with known labels; expected a model of timm for a subset "
            "of ImageNet."
        )
    network = TimmNetwork(known)
    empty = network.without_weights()
    parameters = timm_networks.parameters(empty)
    megabytes = parameters * 4 / (1 << 20)
    labels = imagenet.labels_of_subset(subset)
    return Model(
        name=name,
        description=describe(parameters, len(labels)),
        labels=labels,
        parameters=parameters,
        megabytes=megabytes,
        preprocessing=timm_networks.preprocessing(empty),
        network=network,
        weights=_weights(name, config, megabytes),
    )


def _config(known: str) -> Any:
    """Returns timm's record of a pretrained model, or None if there is none."""
    timm = timm_networks.import_timm()
    if not timm.is_model(known.partition(".")[0]):
        return None
    try:
        config = timm.get_pretrained_cfg(known, allow_unregistered=False)
    except RuntimeError:  # the model exists, but not with this tag
        return None
    return config if config is not None and config.has_weights else None


def _weights(name: str, config: object, megabytes: float) -> Weights:
    repository, url = getattr(config, "hf_hub_id", None), getattr(config, "url", None)
    if repository:
        return HubFile(repository, FILE)
    if url and (digest := DIGEST.search(url)):
        return RemoteWeights(url, digest[1], megabytes)
    raise ModelError(f"{name} has weights without a digest, which cannot be verified.")
