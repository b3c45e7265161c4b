"""The training loop. It writes a checkpoint after every epoch and resumes from it."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from classifier.models.bundled.network import TinyNet
from training.augment import mirrored, normalise, random_crops, shifted
from training.data import Data
from training.evaluate import accuracy, scores
from training.recipe import Recipe


def train(recipe: Recipe, data: Data, device: torch.device, checkpoint: Path) -> nn.Module:
    """Trains a network and returns it with the moving average of its weights.

    Resumes from `checkpoint` if the file exists, and writes it after every epoch. Exits with
    a message if the checkpoint was written by another recipe.
    """
    torch.manual_seed(recipe.seed)
    model = TinyNet(len(data.imagenet_classes)).to(device)
    model = model.to(memory_format=torch.channels_last)
    average = AveragedModel(
        model, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay), use_buffers=True
    )
    optimizer = torch.optim.SGD(
        list(_parameter_groups(model, recipe.weight_decay)),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=True,
    )
    state = {"model": model, "average": average, "optimizer": optimizer}
    begin = _resume(checkpoint, recipe, state)
    pictures = data.training.to(device)
    steps = len(pictures) // recipe.batch
    half = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    for epoch in range(begin, recipe.epochs):
        # Every epoch has its own seed, so that a resumed run sees the same augmented pictures.
        torch.manual_seed(recipe.seed * 1000 + epoch)
        chance = random.Random(recipe.seed * 1000 + epoch)
        order = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        stage = recipe.stage(epoch)
        model.train()
        bar = tqdm(
            pictures.batches(recipe.batch, order), f"epoch {epoch + 1}", steps, mininterval=5
        )
        for step, indices in enumerate(bar):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch + step / steps)
            view = mirrored(pictures.pixels[indices])
            if stage.whole:
                view = shifted(view, recipe.farthest_shift)
            else:
                view = random_crops(view, stage.pixels, recipe.smallest_crop, chance)
            with half:
                loss = nn.functional.cross_entropy(
                    model(normalise(view)),
                    pictures.classes[indices],
                    label_smoothing=recipe.label_smoothing,
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update_parameters(model)
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss.item():.3f}")
        _save(checkpoint, recipe, epoch + 1, state)
        first, fifth = accuracy(scores(average, data.validation, device), data.validation.classes)
        tqdm.write(f"epoch {epoch + 1}/{recipe.epochs}: top-1 {first:.2%}, top-5 {fifth:.2%}")
    trained: nn.Module = average.module
    return trained.eval()


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Returns the learning rate at a point in training, in epochs.

    The rate rises linearly during the warm-up, then falls to zero along half a cosine:
    Loshchilov & Hutter, "SGDR" (2016), without the restarts.
    """
    if epoch < recipe.warm_up_epochs:
        return recipe.learning_rate * max(epoch, 0.01) / recipe.warm_up_epochs
    part = (epoch - recipe.warm_up_epochs) / (recipe.epochs - recipe.warm_up_epochs)
    return recipe.learning_rate * (1 + math.cos(math.pi * part)) / 2


def _parameter_groups(model: nn.Module, weight_decay: float) -> Iterator[dict[str, Any]]:
    """Yields the parameters with and without weight decay.

    Biases and normalisation parameters are not decayed, because they add no capacity that
    needs to be limited.
    """
    parameters = list(model.parameters())
    yield {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay}
    yield {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0}


def _save(path: Path, recipe: Recipe, epoch: int, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    saved = {name: part.state_dict() for name, part in state.items()}
    torch.save({"epoch": epoch, "recipe": repr(recipe), **saved}, unfinished)
    unfinished.replace(path)


def _resume(path: Path, recipe: Recipe, state: dict[str, Any]) -> int:
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["recipe"] != repr(recipe):
        raise SystemExit(f"{path} was written by another recipe; move it away to start again")
    for name, part in state.items():
        part.load_state_dict(saved[name])
    epoch: int = saved["epoch"]
    return epoch
