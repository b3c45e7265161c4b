"""The picture that a request is about."""

from dataclasses import dataclass, field
from pathlib import Path

from classifier.pictures.edits import Edits


@dataclass(frozen=True)
class PictureSource:
    """A file or its content, the name that responses use for it, and the edits it has had."""

    content: Path | bytes
    name: str
    edits: Edits = field(default_factory=Edits)
