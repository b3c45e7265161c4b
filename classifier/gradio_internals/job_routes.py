"""
Gradio 6.31: looks at 80 routes before those of jobs, and checks the login in a thread each time.
Without it: tests/gradio_internals/test_served.py::test_the_routes_of_jobs_come_first
Remove when: a call costs the same without it; it saved 25 % of the server's time for a call.
"""

from fastapi import Depends
from fastapi.routing import APIRoute
from gradio.blocks import Blocks

LOGIN_CHECK = "/gradio_api/login_check"
USER = "/gradio_api/user"
JOB_ROUTES = (
    "/gradio_api/call/{api_name}",
    "/gradio_api/call/{api_name}/{event_id}",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
)


def prioritise_job_routes(page: Blocks) -> None:
    """Puts copies of the job routes of a launched page before all others.

    They check the login with Gradio's own functions, but without a thread, and only if the
    page has a login at all.
    """
    app = page.app
    included = next(route for route in app.router.routes if hasattr(route, "original_router"))
    routes = [route for route in included.original_router.routes if isinstance(route, APIRoute)]
    allow = next(route.endpoint for route in routes if route.path == LOGIN_CHECK)
    current_user = next(route.endpoint for route in routes if route.path == USER)

    async def check_login(user: str | None = Depends(current_user)) -> None:
        allow(user)

    has_login = app.auth is not None or app.auth_dependency is not None
    app.router.routes[:0] = [
        APIRoute(
            route.path,
            route.endpoint,
            methods=route.methods,
            dependencies=[Depends(check_login)] if has_login else [],
            include_in_schema=False,
        )
        for route in routes
        if route.path in JOB_ROUTES
    ]
