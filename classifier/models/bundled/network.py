"""The architecture of the bundled model: a narrow ResNet-18 for 64-pixel pictures.

The blocks are those of He et al., "Deep Residual Learning for Image Recognition"
(2015), with the pooled shortcut of He et al., "Bag of Tricks for Image
Classification" (2018). A stem of convolutions halves the picture once, and there is no
max-pool, because at 64 pixels every further halving costs accuracy.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class _Convolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _Convolution(inputs, outputs, stride)
        self.second = _Convolution(outputs, outputs)
        # Each block starts as the identity, which makes early training more stable.
        for layer in self.second:
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.zeros_(layer.weight)
        self.shortcut = nn.Sequential()
        if stride != 1:
            self.shortcut.append(nn.AvgPool2d(stride))
        if inputs != outputs:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, bias=False))
            self.shortcut.append(nn.BatchNorm2d(outputs))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        residual = self.second(self.activation(self.first(features)))
        activated: Tensor = self.activation(residual + self.shortcut(features))
        return activated


class TinyNet(nn.Module):
    """A network that maps pictures (N, 3, height, width) to class scores (N, classes)."""

    def __init__(
        self,
        classes: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (2, 2, 2, 2),
        stem: Sequence[int] = (16, 32),
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, stride = 3, 2
        for width in stem:
            layers += [_Convolution(channels, width, stride), nn.ReLU(inplace=True)]
            channels, stride = width, 1
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for block in range(depth):
                layers.append(_Block(channels, width, 2 if stage and not block else 1))
                channels = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.pool(self.features(pictures))
        scores: Tensor = self.classifier(features.flatten(1))
        return scores
