"""Offer parts for Stable-Baselines3.

DoctorCallback        diagnoses a run while it trains                 doctor
FrameReplayBuffer     hindsight replay that stores each image once    buffer
PixelExtractor        our encoders, for any policy                    extractors
CriticEncoderPolicy   SAC whose encoder learns from the critics       policy
vec_env               thousands of worlds for SB3's algorithms        worlds
"""

from puckrl.interop.sb3.buffer import FrameReplayBuffer
from puckrl.interop.sb3.doctor import DoctorCallback, facts_of
from puckrl.interop.sb3.extractors import PixelExtractor
from puckrl.interop.sb3.policy import CriticEncoderPolicy
from puckrl.interop.sb3.worlds import PuckVecEnv, vec_env

__all__ = [
    "CriticEncoderPolicy",
    "DoctorCallback",
    "FrameReplayBuffer",
    "PixelExtractor",
    "PuckVecEnv",
    "facts_of",
    "vec_env",
]
