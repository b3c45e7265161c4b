"""The backend that asks a cluster, through a link process."""

import asyncio
import importlib.util
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classifier import logs
from classifier.download import ProgressCallback, no_progress
from classifier.errors import ClassifierError, ClusterError, SettingError
from classifier.inference.cluster.messages import (
    NO_PICTURE,
    Cancel,
    Done,
    FromLink,
    Lost,
    Picture,
    Progress,
    Request,
    Start,
    Status,
    ToLink,
    Work,
    encode,
    read,
)
from classifier.inference.explanation import Explanation
from classifier.inference.prediction import Prediction
from classifier.models.catalogue import Catalogue
from classifier.models.model import Model
from classifier.models.weights import LocalWeights
from classifier.pictures.decoding import detect_format
from classifier.pictures.source import PictureSource
from classifier.settings import Settings

log = logging.getLogger(__name__)

# Visitors see this, so the address of the cluster is only in the log.
STARTING = "The machines that classify are starting."
AWAY = "The machines that classify cannot be reached."
MAX_TRIES = 5
RETRY_SECONDS = 0.3  # times the number of tries
FIRST_RESTART_SECONDS = 1.0  # and twice as long after each failure
MAX_RESTART_SECONDS = 10.0
END_SECONDS = 10.0


@dataclass
class _Call:
    """A request that is not answered yet."""

    request: Request
    result: "asyncio.Future[Any]"
    report: ProgressCallback


class Cluster:
    """Runs models on a cluster. Requests wait while the cluster cannot be reached.

    A request whose replica dies is sent again, MAX_TRIES times in all.
    """

    def __init__(self, settings: Settings, models: Catalogue) -> None:
        """Raises SettingError if Ray is not installed."""
        if importlib.util.find_spec("ray") is None:
            raise SettingError(
                "CLASSIFIER_CLUSTER",
                settings.cluster,
                "nothing, or that Ray is installed: pip install -r requirements-cluster.txt",
            )
        self._start = Start.of(settings, models)
        self._status = Status(STARTING)
        self._calls: dict[int, _Call] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._downloaded: set[str] = set()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def capacity(self) -> int:
        """How many pictures all replicas can take at the same time, or the setting for it."""
        return self._start.settings.concurrency or self._status.capacity

    def problem(self) -> str | None:
        """Returns a sentence if the cluster cannot be reached."""
        return self._status.problem

    async def open(self) -> None:
        """Starts the link, and starts it again whenever it ends."""
        self._keeping = asyncio.ensure_future(self._keep_linked())

    async def close(self) -> None:
        """Ends the link."""
        if self._keeping:
            self._keeping.cancel()
        if self._writer:
            self._writer.close()
        if self._process:
            await asyncio.to_thread(_end, self._process)

    def loaded_megabytes(self) -> Mapping[str, float]:
        """Returns nothing: the models are in other processes."""
        return {}

    def is_downloaded(self, model: Model) -> bool:
        """Whether a machine of the cluster has the weights of the model."""
        return isinstance(model.weights, LocalWeights) or model.name in self._downloaded

    def preload(self, model: Model) -> None:
        """Loads a model on a replica in the background."""
        if self.is_downloaded(model):
            self._send(Request(0, "preload", model.name))

    async def download(self, model: Model, report: ProgressCallback) -> None:
        """See `Backend.download`."""
        if self.is_downloaded(model):
            return
        await self._ask("download", model, report=report)
        self._downloaded.add(model.name)

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """See `Backend.classify`."""
        sent = await _picture(picture)
        prediction: Prediction = await self._ask("classify", model, sent)
        return prediction

    async def explain(
        self, picture: PictureSource, model: Model, label: str | None, report: ProgressCallback
    ) -> Explanation:
        """See `Backend.explain`."""
        sent = await _picture(picture)
        explanation: Explanation = await self._ask("explain", model, sent, label, report)
        return explanation

    async def _ask(
        self,
        work: Work,
        model: Model,
        picture: Picture = NO_PICTURE,
        label: str | None = None,
        report: ProgressCallback = no_progress,
    ) -> Any:
        """Sends a request and returns its result."""
        self._number += 1
        request = Request(self._number, work, model.name, picture, label)
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[request.id] = _Call(request, result, report)
        self._send(request)
        try:
            return await result
        finally:
            del self._calls[request.id]
            if result.cancelled():
                self._send(Cancel(request.id))

    def _send(self, message: ToLink) -> None:
        """Sends a message if there is a link; a new link gets all requests without an answer."""
        if self._writer:
            self._writer.write(encode(message))

    async def _keep_linked(self) -> None:
        pause = FIRST_RESTART_SECONDS
        while True:
            try:
                await self._link()
            except (OSError, asyncio.IncompleteReadError):
                pass  # the link has ended
            except Exception:  # whatever it was, the next link may work
                log.exception("the link to the cluster has failed")
            finally:
                self._writer = None
            if self._status.problem is None:
                pause = FIRST_RESTART_SECONDS
            self._set(Status(AWAY))
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_RESTART_SECONDS)

    async def _link(self) -> None:
        """Starts a link process, and receives its messages until it ends."""
        own, other = socket.socketpair()
        try:
            process = self._process = await asyncio.to_thread(_start_link, other)
            reader, self._writer = await asyncio.open_connection(sock=own)
        except BaseException:
            own.close()  # a link that is just starting ends then
            raise
        self._send(self._start)
        for call in self._calls.values():
            self._send(call.request)
        try:
            while True:
                message = await read(reader)
                assert isinstance(message, FromLink)
                self._receive(message)
        finally:
            self._writer.close()
            await asyncio.to_thread(_end, process)

    def _receive(self, message: FromLink) -> None:
        if isinstance(message, Status):
            self._set(message)
            return
        call = self._calls.get(message.id)
        if call is None or call.result.done():
            return
        match message:
            case Progress(fraction=fraction):
                call.report(fraction)
            case Lost():
                self._retry(call)
            case Done(result=ClassifierError() as error):
                call.result.set_exception(error)
            case Done(result=result):
                call.result.set_result(result)

    def _retry(self, call: _Call) -> None:
        tries = call.request.tries + 1
        if tries >= MAX_TRIES:
            call.result.set_exception(
                ClusterError(
                    f"The machines that classify failed {tries} times at this. Try again later."
                )
            )
            return
        call.request = replace(call.request, tries=tries)

        def send() -> None:
            if not call.result.done():
                self._send(call.request)

        asyncio.get_running_loop().call_later(RETRY_SECONDS * tries, send)

    def _set(self, status: Status) -> None:
        self._status = status
        self._downloaded |= status.downloaded


def _start_link(connection: socket.socket) -> "subprocess.Popen[bytes]":
    """Starts a link with its end of the connection, which this process closes."""
    with connection:
        return subprocess.Popen(
            [sys.executable, "-m", "classifier.inference.cluster"],
            stdin=connection.fileno(),
            start_new_session=True,  # Ctrl+C in a terminal is for the server, which ends the link
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Waits until a link has ended, which it does without a server, and kills it otherwise."""
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _picture(source: PictureSource) -> Picture:
    """Returns a picture with its content: a replica on another machine cannot read the file."""
    content = source.content
    if isinstance(content, Path):
        try:
            content = await asyncio.to_thread(content.read_bytes)
        except OSError:
            await asyncio.to_thread(detect_format, content, source.name)  # raises its error
            raise
    return Picture(content, source.name, logs.JOB.get())
