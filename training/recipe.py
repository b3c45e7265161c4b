"""How long, how large and how fast: everything about training that is a number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """So many passes over the training pictures, resized to so many pixels."""

    epochs: int
    pixels: int


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent, warmed up and then cooled along a cosine."""

    stages: tuple[Stage, ...] = (Stage(4, 32), Stage(4, 48), Stage(1, 64))
    batch: int = 128
    learning_rate: float = 0.1
    warm_up_epochs: float = 1.5
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    smallest_crop: float = 0.35
    average_decay: float = 0.998
    seed: int = 1

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def pixels(self, epoch: int) -> int:
        """The size of the pictures in an epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.pixels
            epoch -= stage.epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")
