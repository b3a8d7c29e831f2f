"""Offer our encoders as a features extractor of Stable-Baselines3."""

from collections.abc import Sequence
from typing import Annotated

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from puckrl.core.arguments import checked
from puckrl.core.errors import UserError, unknown
from puckrl.core.settings import COUNT
from puckrl.core.types import Obs
from puckrl.interop.sb3.packing import image_and_vectors
from puckrl.nets.encoders import Encoder
from puckrl.nets.layers import EncoderCfg, HeadKind, Kind


class PixelExtractor(BaseFeaturesExtractor):
    """Concatenate features of the image and unchanged vectors, (B, features_dim) float32.

    It works in any policy for Dict observations, with ``normalize_images`` at its
    default: it assumes that an image of floats was divided by 255.

    Args:
        observation_space: a Dict with one image, channels first.
        kind: kind of convolutions, see `puckrl.nets.encoders`.
        head: head that reduces the last feature map to a vector.
        channels: channels of every layer; nature and impala have their own.
        features: size of the output of flatten-norm.
        vectors: names of the vectors to append; None: all, including ``achieved_goal``,
            which shows a policy where the object is.

    Raises:
        UserError: without an image, for an image too small, for an unknown name or an
            argument that is not legal.
    """

    @checked
    def __init__(
        self,
        observation_space: spaces.Dict,
        kind: Kind = "drqv2",
        head: HeadKind = "spatial-softmax",
        channels: Annotated[int, COUNT] = 32,
        features: Annotated[int, COUNT] = 50,
        vectors: Sequence[str] | None = None,
    ) -> None:
        image, sizes = image_and_vectors(observation_space)
        if not image:
            raise UserError(
                f"no image among {', '.join(sizes)}; wanted uint8 in 0 ... 255, "
                "three axes"
            )
        names = list(sizes) if vectors is None else list(vectors)
        for name in names:
            if name not in sizes:
                raise unknown("vector", name, sizes)
        shape = observation_space[image].shape
        assert shape is not None
        stacked, height, width = shape
        cfg = EncoderCfg(kind, channels, head, features)
        encoder = Encoder(cfg, stacked, height, width)
        super().__init__(
            observation_space, encoder.size + sum(sizes[name] for name in names)
        )
        self.encoder = encoder
        self._image, self._vectors = image, names

    def forward(self, observations: Obs) -> Tensor:
        """Return the features of a batch, images as uint8 or, divided by 255, as float."""
        pixels = observations[self._image]
        if pixels.dtype != torch.uint8:
            pixels = pixels * 255.0
        parts = [observations[name].float() for name in self._vectors]
        return torch.cat([self.encoder(pixels), *parts], dim=1)
