"""The messages between the server and the link."""

import asyncio
import pickle
import struct
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from classifier.errors import ClassifierError
from classifier.inference.explanation import Explanation
from classifier.inference.prediction import Prediction
from classifier.models.catalogue import Catalogue
from classifier.settings import Settings

SIZE = struct.Struct("!Q")

Work = Literal["classify", "explain", "download", "preload"]


@dataclass(frozen=True)
class Start:
    """The first message to the link: the cluster to connect to, and what replicas need."""

    settings: Settings
    model_names: tuple[str, ...]
    model_megabytes: tuple[float, ...]

    @classmethod
    def of(cls, settings: Settings, models: Catalogue) -> "Start":
        """Returns the message for the settings of a server and its models."""
        return cls(
            replace(settings, jobs_url=""),  # replicas need no password of the database
            tuple(models),
            tuple(model.parameters * 4 / (1 << 20) for model in models.values()),
        )


class Picture(NamedTuple):
    """A picture on its way to a replica: `job` is the ID of the job that it belongs to, if any."""

    content: bytes
    name: str
    job: str = ""


NO_PICTURE = Picture(b"", "")


@dataclass(frozen=True)
class Request:
    """Work for a replica. `tries` counts how often it was lost with a replica before.

    `picture` is empty for work without a picture. `label` is the only one to explain.
    """

    id: int
    work: Work
    model: str
    picture: Picture = NO_PICTURE
    label: str | None = None
    tries: int = 0


@dataclass(frozen=True)
class Cancel:
    """Nobody waits for this request any more."""

    id: int


Result = Prediction | Explanation | None


@dataclass(frozen=True)
class Done:
    """The result of a request, or its error."""

    id: int
    result: Result | ClassifierError


@dataclass(frozen=True)
class Lost:
    """The replica of a request has died, or has failed in a way that is not the request's."""

    id: int


@dataclass(frozen=True)
class Progress:
    """How much of a download or of an explanation is done, in 0-1."""

    id: int
    fraction: float


@dataclass(frozen=True)
class Status:
    """What the cluster can do now; `problem` is a sentence if it can do nothing."""

    problem: str | None
    capacity: int = 0
    downloaded: frozenset[str] = frozenset()


ToLink = Start | Request | Cancel
FromLink = Done | Lost | Progress | Status


def encode(message: ToLink | FromLink) -> bytes:
    """Returns a message as bytes, with their number in front."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return SIZE.pack(len(content)) + content


async def read(stream: asyncio.StreamReader) -> ToLink | FromLink:
    """Reads the next message. Raises asyncio.IncompleteReadError at the end of the stream.

    Both ends are processes of the same server, so unpickling is safe.
    """
    (size,) = SIZE.unpack(await stream.readexactly(SIZE.size))
    message: ToLink | FromLink = pickle.loads(await stream.readexactly(size))
    return message
