"""The catalogue: the models on offer, by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from classifier.errors import SettingError, UnknownNameError, suggest
from classifier.models import (
    bundled_model,
    efficientnet_lite0,
    own,
    timm_models,
    torchvision_models,
)
from classifier.models.model import Model

Catalogue = Mapping[str, Model]


def load(names: Iterable[str]) -> Catalogue:
    """Returns the named models in the order of their names.

    Raises SettingError with the closest valid names if a model does not exist, ModelError if the
    files of a model are not those of a classifier, and WeightsError if they cannot be downloaded.
    """
    models = {}
    for name in names:
        try:
            models[name] = find(name)
        except UnknownNameError as error:
            raise SettingError(
                "CLASSIFIER_MODELS",
                name,
                "efficientnet_lite0, tiny, a torchvision classifier, timm/NAME, ./FOLDER or "
                f"hf-hub:USER/NAME ({suggest(name, error.valid)})",
            ) from error
    return MappingProxyType(models)


def named(models: Catalogue, name: object) -> Model:
    """Returns a model of a catalogue. Raises UnknownNameError for every other name."""
    if not isinstance(name, str) or name not in models:
        raise UnknownNameError("model", name, models)
    return models[name]


def find(name: str) -> Model:
    """Returns the model of a name, on offer or not.

    Raises UnknownNameError if it does not exist, and the other errors of `load`.
    """
    if own.is_own(name):
        return own.load(name)
    if name.startswith(timm_models.PREFIX):
        return timm_models.load(name)
    if name == efficientnet_lite0.NAME:
        return efficientnet_lite0.load()
    if name == bundled_model.NAME:
        return bundled_model.load()
    if name in available():
        return torchvision_models.load(name)
    raise UnknownNameError("model", name, available())


def available() -> list[str]:
    """Returns the names of the models that have fixed names."""
    return [efficientnet_lite0.NAME, bundled_model.NAME, *torchvision_models.available()]
