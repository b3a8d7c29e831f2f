"""Define a SAC policy with one encoder that learns from the critics' loss.

    pixels -> encoder -> features -> critics      the critics' loss trains encoder, critics
                            |
                            +- no gradient -> actor      the actor's loss trains the actor

Stable-Baselines3's own policies give actor and critics an encoder each, or share one
that learns from the actor's loss. Source of this routing: Yarats et al. (2021),
"Mastering visual continuous control" (DrQ-v2), section 3.1. The target critics have an
encoder of their own, updated by Polyak averaging, as in Yarats et al. (2021), "Improving sample
efficiency in model-free reinforcement learning from images" (SAC-AE), section 4.
"""

from typing import Any

import torch
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor

from puckrl.interop.sb3.extractors import PixelExtractor


class CriticEncoderPolicy(SACPolicy):
    """Share one ``PixelExtractor`` between SAC's actor and critics.

    The arguments are those of SB3's ``SACPolicy``; ``features_extractor_kwargs`` are those
    of ``PixelExtractor``. ``share_features_extractor`` and ``normalize_images`` have no
    effect: the encoder is always shared and always gets images as uint8.
    """

    def __init__(
        self,
        *args: Any,
        features_extractor_class: type[BaseFeaturesExtractor] = PixelExtractor,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args, features_extractor_class=features_extractor_class, **kwargs
        )

    def _build(self, lr_schedule: Schedule) -> None:
        """Build networks and optimizers; only the critics' optimizer holds the encoder."""
        self.critic, self.critic_target = self.make_critic(), self.make_critic()
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.critic_target.set_training_mode(False)
        self.actor = self.make_actor(self.critic.features_extractor)
        own = [
            parameter
            for name, parameter in self.actor.named_parameters()
            if not name.startswith("features_extractor.")
        ]
        learned = ((self.actor, own), (self.critic, list(self.critic.parameters())))
        for network, parameters in learned:
            network.optimizer = self.optimizer_class(
                parameters,
                lr=lr_schedule(1),  # pyright: ignore[reportCallIssue]
                **self.optimizer_kwargs,
            )

    def make_actor(
        self, features_extractor: BaseFeaturesExtractor | None = None
    ) -> Actor:
        """Make an actor whose loss does not train the encoder."""
        kwargs = self._update_features_extractor(self.actor_kwargs, features_extractor)
        return _Actor(**kwargs).to(self.device)

    def make_critic(
        self, features_extractor: BaseFeaturesExtractor | None = None
    ) -> ContinuousCritic:
        """Make critics whose loss trains their encoder."""
        kwargs = self._update_features_extractor(self.critic_kwargs, features_extractor)
        return _Critic(**kwargs).to(self.device)


class _Actor(Actor):
    """Stop the actor's loss at the features."""

    def extract_features(
        self, obs: PyTorchObs, features_extractor: BaseFeaturesExtractor
    ) -> Tensor:
        with torch.no_grad():
            return features_extractor(obs)


class _Critic(ContinuousCritic):
    """Train the encoder with the critics' loss."""

    def forward(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, ...]:
        # Actions with a gradient come from the actor, in its loss: a backward pass
        # through the encoder would cost time and nothing would use it
        learning = torch.is_grad_enabled() and not actions.requires_grad
        with torch.set_grad_enabled(learning):
            features = self.features_extractor(obs)
        inputs = torch.cat([features, actions], dim=1)
        return tuple(critic(inputs) for critic in self.q_networks)
