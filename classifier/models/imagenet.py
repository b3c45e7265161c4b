"""The labels of ImageNet, with a different name for each class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

from torchvision.models import ResNet18_Weights

# torchvision has two classes of each of these names.
DISTINCT: Mapping[int, str] = MappingProxyType(
    {
        134: "crane (bird)",
        517: "crane (machine)",
        638: "maillot (tights)",
        639: "maillot (tank suit)",
    }
)
MAX_DETAIL = 40  # characters


@cache
def labels() -> tuple[str, ...]:
    """Returns the 1,000 labels of ImageNet-1k in the order of the classes."""
    categories = ResNet18_Weights.DEFAULT.meta["categories"]
    return tuple(DISTINCT.get(number, label) for number, label in enumerate(categories))


@cache
def labels_of_subset(subset: str) -> tuple[str, ...]:
    """Returns the labels of one of timm's subsets of ImageNet, such as "imagenet-12k".

    A class is called by its first name in WordNet. Where several classes share it, further
    names or the beginning of the definition follow.
    """
    from timm.data import ImageNetInfo

    if subset == "imagenet-1k":
        return labels()
    info = ImageNetInfo(subset)
    names = info.label_descriptions()
    definitions = info.label_descriptions(detailed=True)
    found = [name.split(", ")[0] for name in names]
    details = [_detail(*pair) for pair in zip(names, definitions, strict=True)]
    return distinct(found, details)


def distinct(found: Sequence[str], details: Sequence[str] | None = None) -> tuple[str, ...]:
    """Returns the labels, each of them once: "crane" twice becomes "crane (bird)", "crane (2)".

    Only labels that occur several times get their detail, and a number if that is not enough.
    """
    if details is not None:
        often = Counter(found)
        found = [
            f"{label} ({detail})" if often[label] > 1 and detail else label
            for label, detail in zip(found, details, strict=True)
        ]
    taken, result = set(found), []
    occurrences: Counter[str] = Counter()
    for label in found:
        occurrences[label] += 1
        name, number = label, occurrences[label]
        while number > 1 and (name := f"{label} ({number})") in taken:
            number += 1
        taken.add(name)
        result.append(name)
    return tuple(result)


def _detail(names: str, definition: str) -> str:
    """Returns the second name of a class, or the beginning of its definition."""
    first, *others = names.split(", ")
    if others:
        return others[0]
    text = definition.removeprefix(f"{first}: ").split(";")[0]
    if len(text) <= MAX_DETAIL:
        return text
    return text[:MAX_DETAIL].rsplit(" ", 1)[0] + " …"
