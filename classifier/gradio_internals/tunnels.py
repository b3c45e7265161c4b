"""
Gradio 6.31: ends share tunnels when Python exits, but a forced exit skips that.
Without it: tests/gradio_internals/test_queue.py::test_open_tunnels_are_closed
Remove when: `Blocks.close()` closes its tunnel.
"""

from gradio.tunneling import CURRENT_TUNNELS


def close_tunnels() -> None:
    """Closes the tunnels of GRADIO_SHARE."""
    for tunnel in CURRENT_TUNNELS:
        tunnel.kill()
