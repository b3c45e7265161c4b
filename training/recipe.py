"""How long, how large and how fast: everything about training that is a number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """So many passes over the training pictures, as crops resized to so many pixels.

    Crops are blurred by their resizing. Stages of whole pictures, which come last, let
    the network get used to sharp ones as it will meet them: Touvron et al., "Fixing the
    train-test resolution discrepancy" (2019).
    """

    epochs: int
    pixels: int
    whole: bool = False


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent, warmed up and then cooled along a cosine.

    Whole pictures have a rate of their own, which falls in a line.
    """

    stages: tuple[Stage, ...] = (Stage(4, 32), Stage(4, 48), Stage(1, 64), Stage(1, 64, whole=True))
    batch: int = 128
    learning_rate: float = 0.1
    whole_learning_rate: float = 0.01
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

    @property
    def cropped_epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages if not stage.whole)

    def stage(self, epoch: int) -> Stage:
        """The stage that an epoch, counted from 0, belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")
