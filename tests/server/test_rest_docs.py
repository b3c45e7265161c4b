"""The interactive documentation of the REST routes."""

from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from tests.support.server import DEFAULT, Server


def test_the_schema_has_the_rest_routes_and_none_of_gradio(server: Server) -> None:
    schema = server.http.get("/openapi.json").json()

    assert {path: set(methods) for path, methods in schema["paths"].items()} == {
        "/info": {"get"},
        "/classifications": {"get", "post"},
        "/classifications/{job_id}": {"get", "delete"},
    }


def test_an_unknown_file_is_not_found(server: Server) -> None:
    response = server.http.get("/docs/nothing.js")

    assert response.status_code == 404
    assert response.json() == {"detail": "The file 'nothing.js' does not exist."}


def test_the_examples_work_and_load_nothing_from_other_servers(
    browser: Browser, server: Server
) -> None:
    hosts, codes = set(), []
    with browser.new_page() as page:
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(f"{server.address}/docs")
        expect(page.locator(".opblock")).to_have_count(5)
        for block in page.locator(".opblock").all():
            block.locator("button.opblock-summary-control").click()
            block.get_by_role("button", name="Try it out").click()
            block.get_by_role("button", name="Execute").click()
            response = block.locator(".live-responses-table .response-col_status").last
            expect(response).to_contain_text("20")
            codes.append(response.inner_text().split()[0])
            expect(block.locator(".live-responses-table")).to_contain_text(
                "task_status" if len(codes) > 1 else DEFAULT
            )

    assert codes == ["200", "202", "200", "200", "200"]
    assert hosts <= {"127.0.0.1", None}  # None for pictures inside the style sheet
