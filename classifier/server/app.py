"""The application: creates the page from the settings, and serves it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from classifier.endpoints.endpoint import INFERENCE, LIMITED
from classifier.endpoints.services import Services
from classifier.errors import TooManyRequestsError
from classifier.gradio_internals import analytics, mcp_tools, upload_parser, upload_progress
from classifier.gradio_internals.cancel_route import cancel_route
from classifier.gradio_internals.environment import hidden_from_gradio
from classifier.gradio_internals.job_queue import GradioJobQueue
from classifier.gradio_internals.job_routes import prioritise_job_routes
from classifier.gradio_internals.queue import replace_queue
from classifier.gradio_internals.sessions import replace_sessions
from classifier.gradio_internals.start_check import NO_START_CHECK
from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.low_priority import LowPriority
from classifier.jobs.service import JobService
from classifier.jobs.store import JobStore
from classifier.page import layout
from classifier.pictures.editor import PictureEditor
from classifier.pictures.uploads import Uploads
from classifier.server import (
    address,
    blocked_routes,
    gallery,
    health,
    metrics,
    rest,
    rest_docs,
    reverse_proxy,
    shutdown,
)
from classifier.server.body_limit import BodyLimit
from classifier.server.error_responses import error_responses
from classifier.server.head_requests import with_head
from classifier.server.security_headers import SecurityHeaders
from classifier.settings import Settings

# The limit of all queued events together that run no model; most of them only wait. A number
# other than Gradio's default of 40 also keeps them out of the threads that serve files.
MAX_EVENTS = 600
MAX_DOWNLOADING = 200  # requests that wait for the weights of their models
MAX_CONCURRENCY = 2048  # with a cluster of any size
CONCURRENCY_SECONDS = 1.0  # until the queue knows how many jobs a cluster can take now
# How often clients learn their position in the queue. By default, Gradio tells all of them
# whenever a job ends, which costs the square of their number.
STATUS_SECONDS = 1.0
# How long a thread may hold the interpreter while others wait. Python's default of 0.005 is
# too long for a server whose other threads compute.
SWITCH_SECONDS = 0.0005


class App:
    """The page of a classifier, with the services behind it."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingError if a setting cannot be used."""
        self.settings = settings
        self.uploads = Uploads(settings.cache / "uploads", settings.upload_seconds)
        self.uploads.open()
        # Gradio writes its own files there, too.
        os.environ["GRADIO_TEMP_DIR"] = str(self.uploads.folder)
        analytics.disable_statistics()
        classifier = AsyncClassifier.from_settings(settings)
        self.services = Services(
            classifier,
            LowPriority(classifier),
            self.uploads,
            PictureEditor(),
        )
        self.jobs = JobService(classifier, JobStore.from_settings(settings), settings.fair_shares)
        self.page = layout.build(self.services, self.jobs)

    def open_queue(self) -> None:
        """Creates the queue, and connects the jobs to it."""
        self.page.queue(STATUS_SECONDS, api_open=False, max_size=self.settings.queue_size)
        self.queue = replace_queue(self.page)
        self.job_queue = GradioJobQueue(
            self.page, layout.RUN_JOB, on_exit=self.jobs.left_queue, pending=self.jobs.pending
        )
        self.jobs.connect(self.job_queue)
        self.queue.queued = LIMITED
        if self.settings.fair_shares:
            self.queue.check_caller = self._check_caller

    def _check_caller(self, caller: str) -> None:
        """Raises an HTTP error if a caller has too many unfinished requests."""
        try:
            self.jobs.check_caller(caller)
        except TooManyRequestsError as error:
            headers = {"Retry-After": str(error.seconds)}
            raise HTTPException(429, str(error), headers) from None

    def launch(self, *, wait: bool = True) -> str:
        """Serves the page until the process is asked to stop; with `wait=False`, returns.

        Returns the address of the page. Gradio's own settings apply, such as GRADIO_ROOT_PATH.
        Raises SettingError if the server cannot listen at its address.
        """
        settings = self.settings
        address.check(settings)
        sys.setswitchinterval(SWITCH_SECONDS)
        reverse_proxy.believe_proxies()
        upload_parser.install()
        if settings.mcp:
            mcp_tools.install(self.uploads.folder)
        self.open_queue()
        with hidden_from_gradio():
            _, local_address, _ = self.page.launch(
                server_name=address.name_for_gradio(settings),
                server_port=settings.server_port,
                theme=layout.THEME,
                css_paths=layout.CSS,
                head=layout.HEAD,
                max_threads=MAX_EVENTS
                + MAX_DOWNLOADING
                + (settings.concurrency or MAX_CONCURRENCY),
                footer_links=["api", "settings"],
                prevent_thread_lock=True,
                app_kwargs={
                    "routes": self._routes(),
                    "exception_handlers": error_responses(self.page, self.job_queue),
                    "lifespan": self._lifespan,
                    "middleware": [
                        Middleware(SecurityHeaders),
                        Middleware(reverse_proxy.ReverseProxy),
                        Middleware(metrics.CountRequests),
                        Middleware(BodyLimit, settings.upload_mb, self.uploads.has_room),
                    ],
                    "openapi_url": None,
                },
                mcp_server=settings.mcp,
                max_file_size=settings.upload_mb << 20,
                allowed_paths=[],
                enable_monitoring=False,
                run_history=False,
                ssr_mode=False,
                **NO_START_CHECK,
            )
        replace_sessions(self.page)
        prioritise_job_routes(self.page)
        if wait:
            shutdown.wait(self.page, self.queue, self.jobs)
        return str(local_address)

    def _routes(self) -> list[BaseRoute]:
        """Returns the routes that take precedence over Gradio's."""
        service = rest.router(self.jobs)
        return [
            *with_head(gallery.router(self.services.gallery).routes),
            cancel_route(self.page),
            *blocked_routes.routes(),
            *with_head(service.routes),
            *with_head(rest_docs.router(service, self.jobs).routes),
            *with_head(health.router(self.queue, self.jobs).routes),
            *with_head(metrics.router(self.queue, self.jobs).routes),
        ]

    @asynccontextmanager
    async def _lifespan(self, app: object) -> AsyncIterator[None]:
        """Runs models, accepts jobs and deletes expired uploads while the page is served."""
        backend = self.services.classifier.backend
        await backend.open()
        tasks = [
            asyncio.create_task(self._keep_cleaning()),
            asyncio.create_task(self._keep_concurrency()),
        ]
        async with self.jobs.lifespan(app):
            yield
        for task in tasks:
            task.cancel()
        await backend.close()

    async def _keep_concurrency(self) -> None:
        self.services.classifier.on_downloading = self._set_concurrency
        while True:
            self._set_concurrency()
            await asyncio.sleep(CONCURRENCY_SECONDS)

    def _set_concurrency(self) -> None:
        """Tells the queue how many requests run; those that wait for a download do not count."""
        classifier = self.services.classifier
        capacity = min(classifier.capacity, MAX_CONCURRENCY) + min(
            classifier.downloading, MAX_DOWNLOADING
        )
        self.queue.set_concurrency(INFERENCE, capacity)

    async def _keep_cleaning(self) -> None:
        while True:
            # Gradio would delete all files when it stops, also those of visitors who stay.
            await asyncio.to_thread(self.uploads.delete_expired)
            upload_progress.forget()
            await asyncio.sleep(self.uploads.cleanup_seconds)
