"""How long, how large and how fast: everything about training that is a number."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """So many passes over the training pictures, as crops resized to so many pixels.

    Small crops are quick to learn from, but crops as large as the pictures are blurred by
    their resizing. Stages of whole pictures, which come last, show the network sharp ones
    as it will meet them: Touvron et al., "Fixing the train-test resolution discrepancy"
    (2019).
    """

    epochs: int
    pixels: int
    whole: bool = False


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent, warmed up and then cooled along a cosine."""

    stages: tuple[Stage, ...] = (Stage(7, 32), Stage(3, 48), Stage(2, 64, whole=True))
    batch: int = 128
    learning_rate: float = 0.1
    warm_up_epochs: float = 1.5
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    smallest_crop: float = 0.5
    farthest_shift: int = 6
    average_decay: float = 0.998
    seed: int = 1

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def lengthened(self, times: int) -> "Recipe":
        """The same with so many times as many epochs, for a faster machine."""
        stages = (replace(stage, epochs=stage.epochs * times) for stage in self.stages)
        return replace(self, stages=tuple(stages))

    def stage(self, epoch: int) -> Stage:
        """The stage that an epoch, counted from 0, belongs to."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")
