"""A real client of the Model Context Protocol, as an agent has one."""

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, Tool

from tests.endpoints.test_classify import ENDPOINTS, PICTURES
from tests.support.server import DEFAULT, PROJECT, Server, run, serve


def asked(server: Server, ask: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    """What comes of it in a session of its own."""

    async def within() -> Any:
        async with (
            streamable_http_client(f"{server.address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await ask(session)

    return run(within())


def called(server: Server, tool: str, **arguments: Any) -> CallToolResult:
    result = asked(server, lambda session: session.call_tool(tool, arguments))
    assert isinstance(result, CallToolResult)
    return result


def text(result: CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


def data_url(file: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()


@pytest.fixture(scope="module")
def tools(server: Server) -> dict[str, Tool]:
    listed = asked(server, lambda session: session.list_tools())
    return {tool.name: tool for tool in listed.tools}


def test_the_tools_are_the_endpoints_and_no_event_of_the_page(tools: dict[str, Tool]) -> None:
    assert sorted(tools) == sorted(name[1:] for name in ENDPOINTS)


def test_each_tool_says_what_it_is_for_and_what_it_takes(tools: dict[str, Tool]) -> None:
    for tool in tools.values():
        assert tool.description
        assert len(tool.description) > 40
        for parameter in tool.inputSchema["properties"].values():
            assert len(parameter["description"]) > 15
        assert "http or https" not in str(tool.inputSchema)
    assert "picture in the gallery" in str(tools["classify"].description)
    assert "each of many pictures" in str(tools["classify_batch"].description)
    assert "several models" in str(tools["compare"].description)
    assert tools["classify"].inputSchema["required"] == ["image", "model"]


def test_a_tool_returns_json(server: Server) -> None:
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    result = called(server, "classify", image=PICTURES[0], model=DEFAULT)

    assert not result.isError
    assert json.loads(text(result))["predictions"] == record["predictions"]
    offer = json.loads(text(called(server, "info")))
    assert offer["images"] == PICTURES


@pytest.mark.parametrize("tool", ["classify_upload", "classify_batch", "compare"])
def test_a_picture_can_come_with_the_call(server: Server, tool: str) -> None:
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    picture = data_url(PROJECT / "images" / PICTURES[0])
    calls: dict[str, dict[str, Any]] = {
        "classify_upload": {"image": picture, "model": DEFAULT},
        "classify_batch": {"files": [PICTURES[0], picture], "model": DEFAULT},
        "compare": {"image": picture, "models": [DEFAULT]},
    }
    told = json.loads(text(called(server, tool, **calls[tool])))

    answer = {"classify_batch": "rows", "compare": "answers"}.get(tool)
    last = told[answer][-1] if answer else told
    assert last["predictions"] == record["predictions"]


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("classify", {"image": "x.jpg", "model": DEFAULT}, "No picture is called 'x.jpg'; "),
        (
            "classify",
            {"image": PICTURES[0], "model": "x"},
            "No model is called 'x'; valid: efficientnet_lite0, tiny,",
        ),
        ("compare", {"image": PICTURES[0], "models": []}, "The models are []; expected a list"),
        (
            "classify_upload",
            {"image": "http://127.0.0.1:9/a.jpg", "model": DEFAULT},
            "The server does not fetch files from the web; send a data: URL",
        ),
        (
            "classify_upload",
            {"image": "data:image/png;base64,!", "model": DEFAULT},
            "'file.png' is not a picture that can be read",
        ),
        ("classify_upload", {"image": "/etc/passwd", "model": DEFAULT}, "The picture is '/etc/"),
    ],
)
def test_a_bad_call_gets_its_sentence(
    server: Server, tool: str, arguments: dict[str, Any], message: str
) -> None:
    result = called(server, tool, **arguments)

    assert result.isError
    assert message in text(result)


def test_one_setting_turns_the_tools_off(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_MCP=0) as server:
        answer = server.http.post("/gradio_api/mcp/", json={})
        assert answer.status_code in {404, 405}
