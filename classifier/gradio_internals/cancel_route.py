"""
Gradio 6.31: its cancel route ends all running jobs of the same session and endpoint.
Without it: tests/gradio_internals/test_cancel_route.py::test_cancelling_a_job_costs_no_other
Remove when: `/gradio_api/cancel` cancels only the event that it names.
"""

import asyncio
from http import HTTPMethod

from fastapi.routing import APIRoute
from gradio.blocks import Blocks
from gradio.data_classes import CancelBody
from gradio.server_messages import ProcessCompletedMessage

PATH = "/gradio_api/cancel"


def cancel_route(page: Blocks) -> APIRoute:
    """Returns a route that takes precedence over Gradio's own."""

    async def cancel(body: CancelBody) -> dict[str, bool]:
        # The queue gives this name to the task of each event.
        name = f"{body.session_hash}_{body.fn_index}<gradio-sep>{body.event_id}"
        running = [task for task in asyncio.all_tasks() if task.get_name() == name]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

        queue = page._queue
        await queue.remove_from_queue(body.event_id)
        if body.event_id in queue.pending_event_ids_session.get(body.session_hash, ()):
            queue.pending_messages_per_session[body.session_hash].put_nowait(
                ProcessCompletedMessage(
                    output={"error": "The job was cancelled."},
                    success=False,
                    event_id=body.event_id,
                )
            )
        return {"success": True}

    return APIRoute(PATH, cancel, methods=[HTTPMethod.POST], include_in_schema=False)
