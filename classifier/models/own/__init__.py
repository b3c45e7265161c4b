"""Models of one's own: a folder, or a repository on the Hugging Face Hub, in one of four formats.

No code of a model is ever run: weights are read from safetensors or with `weights_only`, and
networks are built by timm, transformers and torchvision, or run by ONNX Runtime.
"""

from classifier.errors import ModelError
from classifier.models.model import Model
from classifier.models.own import onnx_format, state_dict_format, timm_format, transformers_format
from classifier.models.own.files import is_own, open_files

__all__ = ["is_own", "load"]


def load(name: str) -> Model:
    """Returns the model in a folder ("./models/flowers") or a repository ("hf-hub:me/flowers").

    Raises ModelError if the files are not those of a classifier, and WeightsError if they cannot
    be downloaded.
    """
    files = open_files(name)
    if files.find("labels.txt"):
        if files.find("architecture.txt"):
            return state_dict_format.load(name, files)
        return onnx_format.load(name, files)
    config = files.json("config.json")
    if config is None:
        raise ModelError(
            f"{files} has neither config.json nor labels.txt; expected a model in one of the "
            "formats that docs/your-own-model.md describes."
        )
    if "architecture" in config:
        return timm_format.load(name, files, config)
    if "model_type" in config:
        return transformers_format.load(name, files)
    raise ModelError(
        f"{files.location('config.json')} has neither the key architecture, as timm writes it, nor "
        "model_type, as transformers writes it."
    )
