"""All scenes by picture name, each with its ImageNet label and the function that builds it."""

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    abacus,
    banana,
    barn,
    beacon,
    bell_pepper,
    bullet_train,
    candle,
    computer_keyboard,
    espresso,
    freight_car,
    goldfish,
    hourglass,
    ice_lolly,
    jellyfish,
    ladybug,
    lampshade,
    moving_van,
    mushroom,
    obelisk,
    orange,
    pizza,
    pomegranate,
    pretzel,
    remote_control,
    school_bus,
    teapot,
    triumphal_arch,
    viaduct,
)


@dataclass(frozen=True)
class Scene:
    label: str
    build: Callable[[], None]


SCENES = {
    "abacus": Scene("abacus", abacus.build),
    "banana": Scene("banana", banana.build),
    "barn": Scene("barn", barn.build),
    "beacon": Scene("beacon", beacon.build),
    "bell_pepper": Scene("bell pepper", bell_pepper.build),
    "bullet_train": Scene("bullet train", bullet_train.build),
    "candle": Scene("candle", candle.build),
    "computer_keyboard": Scene("computer keyboard", computer_keyboard.build),
    "espresso": Scene("espresso", espresso.build),
    "freight_car": Scene("freight car", freight_car.build),
    "goldfish": Scene("goldfish", goldfish.build),
    "hourglass": Scene("hourglass", hourglass.build),
    "ice_lolly": Scene("ice lolly", ice_lolly.build),
    "jellyfish": Scene("jellyfish", jellyfish.build),
    "ladybug": Scene("ladybug", ladybug.build),
    "lampshade": Scene("lampshade", lampshade.build),
    "moving_van": Scene("moving van", moving_van.build),
    "mushroom": Scene("mushroom", mushroom.build),
    "obelisk": Scene("obelisk", obelisk.build),
    "orange": Scene("orange", orange.build),
    "pizza": Scene("pizza", pizza.build),
    "pomegranate": Scene("pomegranate", pomegranate.build),
    "pretzel": Scene("pretzel", pretzel.build),
    "remote_control": Scene("remote control", remote_control.build),
    "school_bus": Scene("school bus", school_bus.build),
    "teapot": Scene("teapot", teapot.build),
    "triumphal_arch": Scene("triumphal arch", triumphal_arch.build),
    "viaduct": Scene("viaduct", viaduct.build),
}
