"""From the data's folder to the bundled weights: `python -m training`."""

import argparse
from pathlib import Path

import torch

from training import data, train
from training.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/tiny-imagenet"))
    parser.add_argument("--work", type=Path, default=Path("training/work"), help="checkpoints")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    pictures = data.read(arguments.data, arguments.work)
    train.train(
        Recipe(), pictures, torch.device(arguments.device), arguments.work / "checkpoint.pt"
    )


if __name__ == "__main__":
    main()
