"""Cancelling one job and no other.

Gradio's own route cancels every running job that the same session put to the same
endpoint, and those who wait for the others then wait for ever.
"""

import asyncio
from http import HTTPMethod

from fastapi.routing import APIRoute
from gradio.data_classes import CancelBody
from gradio.server_messages import ProcessCompletedMessage

from classifier.blocks import Blocks

PATH = "/gradio_api/cancel"


def route(page: Blocks) -> APIRoute:
    """A route to stand before Gradio's own."""

    async def cancel(body: CancelBody) -> dict[str, bool]:
        # The queue runs each job in a task that it names so.
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
