"""Train with an encoder of your own: python examples/own_encoder.py.

A coarse color histogram in a grid: no convolution, and enough to see a red cube.
"""

import torch
from torch import Tensor, nn

import puckrl

GRID, CODES = 8, 16


class ColorGrid(nn.Module):
    """Average colors over a grid of cells, and mix them by one layer."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d((GRID, GRID))
        self.mix = nn.Linear(channels * GRID * GRID, CODES)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return features (B, 16) of images (B, channels, height, width) uint8."""
        cells = self.pool(pixels.float() / 255.0 - 0.5)
        return torch.tanh(self.mix(cells.flatten(1)))


def main(runs: str = "runs", **settings: object) -> puckrl.Run:
    """Train from pixels with the encoder above; return the run."""
    own = {"agent.vision.encoder.kind": f"{__file__}:ColorGrid", **settings}
    run = puckrl.train(puckrl.preset("push-pixels").with_(**own), runs=runs)
    print(run.verdict.headline, run.path)
    return run


if __name__ == "__main__":
    main()
