"""The server behind a real nginx, under a prefix."""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import labels
from tests.support.nginx import PREFIX, is_installed, nginx
from tests.support.picture_files import encode, scene
from tests.support.server import DEFAULT, Server, run, serve

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs nginx (apt-get install nginx)")
TICKET = re.compile(r"\?ticket=[\w-]+")


@dataclass(frozen=True)
class Proxy:
    """An nginx; `address` is that of the app behind it, and `certificate` that of nginx."""

    address: str
    certificate: Path | None

    @property
    def verify(self) -> Any:
        """What httpx needs to trust the certificate."""
        return ssl.create_default_context(cafile=self.certificate) if self.certificate else True

    def http(self) -> httpx.Client:
        return httpx.Client(verify=self.verify, timeout=60)


def large_picture() -> bytes:
    """Returns a file of more than 4 MB, the limit of requests that are no uploads."""
    content = encode(scene(1600, 1200), "BMP")
    assert len(content) > 5 << 20
    return content


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app as deploy/nginx.conf describes it."""
    with serve(tmp_path_factory.mktemp("app"), GRADIO_ROOT_PATH=PREFIX) as running:
        yield running


@pytest.fixture(scope="module", params=["TLS, prefix kept", "prefix kept", "prefix removed"])
def proxy(
    request: pytest.FixtureRequest, app: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    tls, keeps = "TLS" in request.param, "kept" in request.param
    folder = tmp_path_factory.mktemp("nginx") / "files"
    with nginx(folder, app.address, tls=tls, keeps_prefix=keeps) as address:
        yield Proxy(address, folder / "certificate.pem" if tls else None)


@pytest.fixture
def page(browser: Browser, proxy: Proxy) -> Iterator[Page]:
    with browser.new_context(ignore_https_errors=True) as context, context.new_page() as opened:
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.goto(f"{proxy.address}/")
        yield opened
        assert errors == []


def test_the_page_works(page: Page, proxy: Proxy, tmp_path: Path) -> None:
    expect(page.locator(".thumbnails input:checked")).to_have_count(1)
    page.get_by_role("button", name="Classify").first.click()
    expect(page.locator("table.answer tbody tr")).to_have_count(5)
    first = labels(page)
    widths = page.locator(".thumbnails img").evaluate_all(
        "pictures => pictures.slice(0, 3).map(picture => picture.naturalWidth)"
    )
    assert min(widths) > 0

    # The link opens the answer again.
    link = page.get_by_role("link", name="Link to this answer")
    expect(link).to_have_attribute("href", TICKET)
    page.goto(link.evaluate("link => link.href"))
    expect(page.locator("table.answer tbody tr")).to_have_count(5)
    assert labels(page) == first

    large = tmp_path / "large.bmp"
    large.write_bytes(large_picture())
    page.locator("#preview input[type=file]").first.set_input_files(large)
    expect(page.locator("#preview img").first).to_be_visible()
    page.get_by_role("button", name="Classify").first.click()
    expect(page.locator("#answer, .answer").first).to_contain_text("large.bmp")


def test_gradio_client_works(proxy: Proxy, tmp_path: Path) -> None:
    large = tmp_path / "large.bmp"
    large.write_bytes(large_picture())
    client = Client(f"{proxy.address}/", verbose=False, ssl_verify=proxy.verify)

    answer = client.predict(image="pretzel.jpg", model=DEFAULT, api_name="/classify")
    own = client.predict(image=handle_file(str(large)), model=DEFAULT, api_name="/classify_upload")

    assert answer["predictions"][0]["label"] == "pretzel"
    assert len(own["predictions"]) == 5


def test_curl_works(proxy: Proxy) -> None:
    trust = ["--cacert", str(proxy.certificate)] if proxy.certificate else []

    def curl(*arguments: str) -> str:
        command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "60", *trust]
        return subprocess.run(
            [*command, *arguments], check=True, capture_output=True, text=True
        ).stdout

    url = f"{proxy.address}/gradio_api/call/classify"
    event = json.loads(
        curl(url, "--header", "Content-Type: application/json",
             "--data", json.dumps({"data": ["pretzel.jpg", DEFAULT]}))
    )["event_id"]  # fmt: skip
    assert '"label": "pretzel"' in curl(f"{url}/{event}")


def test_rest_jobs_have_addresses_that_clients_can_use(proxy: Proxy) -> None:
    with proxy.http() as http:
        answer = http.post(
            f"{proxy.address}/classifications",
            data={"model_id": DEFAULT},
            files={"image": ("a.bmp", large_picture())},
        )
        assert answer.status_code == 202, answer.text
        url = answer.json()["status_url"]
        assert url == answer.headers["Location"]
        assert url.startswith(f"{proxy.address}/classifications/")
        state = {"finished": None}
        while not state["finished"]:
            state = http.get(url, params={"wait": 30}).json()

        assert state["task_status"] == "finished"
        assert http.get(f"{proxy.address}/health").json() == {"status": "alive"}
        assert http.get(f"{proxy.address}/ready").json()["ready"] is True


def test_the_documentation_works(browser: Browser, proxy: Proxy) -> None:
    with browser.new_context(ignore_https_errors=True) as context, context.new_page() as page:
        page.goto(f"{proxy.address}/docs")
        block = page.locator(".opblock").first
        block.locator("button.opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        expect(block.locator(".live-responses-table")).to_contain_text(DEFAULT)


def test_agents_can_connect(proxy: Proxy) -> None:
    async def call() -> Any:
        def client(**options: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(verify=proxy.verify, **options)

        async with (
            client(timeout=60, follow_redirects=True) as http,
            streamable_http_client(f"{proxy.address}/gradio_api/mcp/", http_client=http) as (
                read,
                write,
                _,
            ),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool("classify", {"image": "pretzel.jpg", "model": DEFAULT})

    assert "pretzel" in run(call()).content[0].text


def test_proxies_are_asked_not_to_collect_events(app: Server) -> None:
    event = app.call("classify", ["pretzel.jpg", DEFAULT]).json()["event_id"]
    path = f"/gradio_api/call/classify/{event}"

    with app.http.stream("GET", path) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
    assert "X-Accel-Buffering" not in app.http.get("/health").headers


def test_the_address_of_the_app_itself_works_with_and_without_the_prefix(app: Server) -> None:
    assert app.http.get("/health").status_code == 200
    assert app.http.get(f"{PREFIX}/health").status_code == 200
    assert app.http.get(f"{PREFIX}/info").json() == app.http.get("/info").json()
    assert app.http.get(f"{PREFIX}x/info").status_code == 404
