"""Runs of a second or two, for what is true of any run."""

from dataclasses import replace
from pathlib import Path

from puckrl.agents.settings import MODES, DistillCfg, SacCfg, Td3Cfg, VisionCfg
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    LoopCfg,
    PixelsCfg,
    RunCfg,
    SaveCfg,
    SimCfg,
)
from puckrl.nets.layers import EncoderCfg
from puckrl.replay.settings import ReplayCfg

TINY = RunCfg(
    preset="tiny",
    task="reach",
    device="cpu",
    sim=SimCfg(num_worlds=2, num_threads=1),
    agent=Td3Cfg(hidden=(16,), batch_size=8, precision="fp32"),
    replay=ReplayCfg(capacity=2000),
    loop=LoopCfg(
        update_ratio=0.1, warm_up_episodes=2, normalize_episodes=6, compile=False
    ),
    eval=EvalCfg(every_env_steps=200, episodes=2, final_episodes=2),
    budget=BudgetCfg(env_steps=400),
    save=SaveCfg(every_s=0.0, tensorboard=False, video=False),
)
SEEING = replace(
    TINY,
    task="push",
    pixels=PixelsCfg(viewpoints=("side",), height=16, width=16, stack=2),
    agent=SacCfg(
        hidden=(16,),
        batch_size=8,
        precision="fp32",
        actor_sensors=MODES["pixels"],
        vision=VisionCfg(
            encoder=EncoderCfg(channels=4),
            condition_on_prediction=True,
            encoder_gradient="both",
        ),
    ),
    budget=BudgetCfg(env_steps=300),
)
SHOWN = replace(
    SEEING,
    pixels=replace(SEEING.pixels, goal_images=True),
    agent=DistillCfg(
        hidden=(16,),
        batch_size=8,
        student_batch=8,
        precision="fp32",
        actor_sensors=MODES["image-goal"],
        vision=replace(SEEING.agent.vision, encoder_gradient="actor"),
    ),
)
"""Goals are pictures."""

OWN_ENCODER = """
import torch
from torch import nn

from beside import SIZE


class Mean(nn.Module):
    def __init__(self, channels, height, width):
        super().__init__()
        self.mix = nn.Linear(channels, SIZE)

    def forward(self, pixels):
        return torch.tanh(self.mix(pixels.float().mean((2, 3)) / 255.0))
"""


def write_encoder(folder: Path, text: str = OWN_ENCODER) -> str:
    """Write an encoder's file and a module beside it; return the encoder's name."""
    (folder / "eyes.py").write_text(text)
    (folder / "beside.py").write_text("SIZE = 5\n")
    return f"{folder / 'eyes.py'}:Mean"
