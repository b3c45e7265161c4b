"""LitServe with dynamic batching: `python -m benchmarks.servers.lit WEIGHTS MODEL PORT`."""

import os
import sys
from pathlib import Path
from typing import Any

import litserve
import torch
from PIL import Image
from torch import Tensor

from benchmarks import material
from classifier.settings import Settings


class Api(litserve.LitAPI):
    """Eager torch on batches. LitServe decodes the pictures, as in its documentation."""

    def __init__(self, weights: Path, name: str) -> None:
        super().__init__(max_batch_size=16, batch_timeout=0.01)
        self.weights, self.name = weights, name

    def setup(self, device: str) -> None:
        self.images = Settings.from_environment(os.environ).images
        self.model = material.with_weights(self.name, self.weights)
        self.network = material.eager(self.model)

    def decode_request(self, request: dict[str, str]) -> Tensor:
        picture = Image.open(self.images / request["image"]).convert("RGB")
        return self.model.preprocessing.apply(picture)

    def batch(self, inputs: list[Tensor]) -> Tensor:
        return torch.stack(inputs)

    def predict(self, batch: Tensor) -> Tensor:
        with torch.inference_mode():
            probabilities: Tensor = self.network(batch).softmax(dim=1)
        return probabilities

    def unbatch(self, output: Tensor) -> Tensor:
        return output

    def encode_response(self, output: Tensor) -> dict[str, Any]:
        values, places = output.topk(5)
        pairs = zip(places.tolist(), values.tolist(), strict=True)
        return {"predictions": [[self.model.labels[place], value] for place, value in pairs]}


if __name__ == "__main__":
    # If the package mcp is installed, LitServe assumes that fastmcp is installed too.
    litserve.server._MCP_AVAILABLE = False
    server = litserve.LitServer(Api(Path(sys.argv[1]), sys.argv[2]), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[3]), generate_client_file=False)
