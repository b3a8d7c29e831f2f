"""Our encoders as a features extractor of Stable-Baselines3."""

from collections.abc import Sequence

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from puckrl.core.errors import UserError, unknown
from puckrl.core.types import Obs
from puckrl.interop.sb3.packing import image_and_vectors
from puckrl.nets.encoders import Encoder, EncoderCfg, HeadKind, Kind


class PixelExtractor(BaseFeaturesExtractor):
    """Features of the picture, then the vectors as they are: (B, features_dim) float32.

    It works in any policy for Dict observations, with ``normalize_images`` at its
    default: a picture of floats is taken for one that was divided by 255.

    Args:
        observation_space: a Dict with one picture, channels first.
        kind: convolutions; what they are: `puckrl.nets.encoders`.
        head: from the last map to numbers.
        channels: of every layer; nature and impala have their own.
        features: numbers that flatten-norm gives.
        vectors: names of those to append; None: all, ``achieved_goal`` among them,
            which tells a policy where the object is.

    Raises:
        UserError: without a picture, for a picture too small, for an unknown name.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        kind: Kind = "drqv2",
        head: HeadKind = "spatial-softmax",
        channels: int = 32,
        features: int = 50,
        vectors: Sequence[str] | None = None,
    ) -> None:
        image, sizes = image_and_vectors(observation_space)
        if not image:
            raise UserError(
                f"no picture among {', '.join(sizes)}; wanted uint8 in 0 ... 255, "
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
        """Features of a batch, pictures as uint8 or, divided by 255, as float."""
        pixels = observations[self._image]
        if pixels.dtype != torch.uint8:
            pixels = pixels * 255.0
        parts = [observations[name].float() for name in self._vectors]
        return torch.cat([self.encoder(pixels), *parts], dim=1)
