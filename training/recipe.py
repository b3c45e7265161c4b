"""The hyperparameters of training."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """A number of epochs on crops that are resized to `pixels`, or on whole pictures.

    Training on small crops is fast, but resizing blurs crops, even those resized to full
    size. The last stages therefore use whole pictures, which are as sharp as the pictures
    that the network classifies later: Touvron et al., "Fixing the train-test resolution
    discrepancy" (2019).
    """

    epochs: int
    pixels: int
    whole: bool = False


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with a warm-up and a cosine schedule."""

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
        """Returns a recipe with each stage `times` times as long, for a faster machine."""
        stages = (replace(stage, epochs=stage.epochs * times) for stage in self.stages)
        return replace(self, stages=tuple(stages))

    def stage(self, epoch: int) -> Stage:
        """Returns the stage of an epoch, counted from 0.

        Raises ValueError if the recipe has fewer epochs.
        """
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage
            epoch -= stage.epochs
        raise ValueError(f"the recipe has {self.epochs} epochs")
