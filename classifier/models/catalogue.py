"""The catalogue: the models on offer, by name."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from classifier.errors import SettingError, suggest
from classifier.models import bundled_model, torchvision_models
from classifier.models.model import Model

Catalogue = Mapping[str, Model]


def load(names: Iterable[str]) -> Catalogue:
    """Returns the named models in the order of their names.

    Raises SettingError with the closest valid names if a model does not exist.
    """
    valid = available()
    models = {}
    for name in names:
        if name not in valid:
            raise SettingError(
                "CLASSIFIER_MODELS",
                name,
                f"torchvision classifiers or tiny ({suggest(name, valid)})",
            )
        is_bundled = name == bundled_model.NAME
        models[name] = bundled_model.load() if is_bundled else torchvision_models.load(name)
    return MappingProxyType(models)


def available() -> list[str]:
    """Returns the name of the bundled model and of every ImageNet classifier in torchvision."""
    return [bundled_model.NAME, *torchvision_models.available()]
