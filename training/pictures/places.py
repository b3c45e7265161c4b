"""Rooms and tables that several scenes share."""

from . import stage
from .materials import Surface
from .nature import floor
from .shapes import box


def table(top: Surface) -> None:
    """Adds a table top in a dark room, lit from the left like a still life."""
    floor(top, 80)
    stage.surroundings("#30343a", "#aab6c4", 0.45)
    stage.softbox((-5, 1, 6), (0, 0, 0.5), 3.5, 900, "#fff2df")
    stage.softbox((5, -4, 4), (0, 0, 0.5), 4, 160, "#dfe9ff")


def daylight() -> None:
    """Adds the light of a window on the left and of a bright room behind the camera."""
    stage.surroundings("#5b5750", "#cfdcec", 0.5)
    stage.softbox((-5, 2, 6), (0, 0, 0), 3, 900, "#fff3e0")
    stage.softbox((5, -4, 5), (0, 0, 0), 4, 200)


def room(wall: str, top: Surface, light: float = 0.3) -> None:
    """Adds a table in front of a plain wall, dimly lit from all sides."""
    floor(top, 24)
    plaster = Surface(wall, 0.95)
    plaster.bump(plaster.noise(3, 6), 0.15, 0.1)
    box((40, 0.2, 30), (0, 9, 5), plaster, 0)
    stage.surroundings(wall, "#ffffff", light)


def office() -> None:
    """Adds wide, soft lamps overhead."""
    stage.surroundings("#8a8f96", "#dfe8f2", 0.55)
    stage.softbox((-8, 6, 9), (0, 0, 0), 6, 1500, "#fff6ea")
    stage.softbox((9, -4, 7), (0, 0, 0), 6, 350)
