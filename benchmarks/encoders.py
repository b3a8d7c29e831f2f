"""Measure how exactly encoders learn the object's position -> results/encoders.csv.

    python benchmarks/encoders.py                               two cores: about ten minutes
    python benchmarks/encoders.py --sim warp --worlds 1024      on a GPU

Supervised learning without a policy: encoders predict the achieved goal from images of Push by
the auxiliary loss. Half of the worlds run the scripted expert with noise, half act at random. The
table has one row per encoder and moment; errors are those of held-out worlds.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.func import grad_and_value

from puckrl.agents.adam import Adam
from puckrl.agents.scripted import Random
from puckrl.config.presets import preset
from puckrl.config.run_cfg import SimCfg
from puckrl.core.rng import generator
from puckrl.core.runtime import has_fast_bf16, pick_device
from puckrl.envs.goal_env import GoalEnv
from puckrl.nets.encoders import Encoder
from puckrl.nets.flat import Flat
from puckrl.nets.layers import EncoderCfg
from puckrl.report.tables import TableRow, manifest, write_table
from puckrl.representation.goal_prediction import GoalPrediction
from puckrl.representation.vision import Vision
from puckrl.runner.worlds import make_env

TABLE = Path("results/encoders.csv")
ENCODERS = (
    EncoderCfg(),
    EncoderCfg(kind="drqv2", head="flatten-norm"),
    EncoderCfg(kind="impala"),
)
STEPS = 150
HELD_OUT = 8  # every eighth world


@dataclass(frozen=True)
class Images:
    """Hold images and the positions of the object."""

    pixels: Tensor
    """(n, channels, height, width) uint8."""
    achieved: Tensor
    """(n, 3) float32, meters."""


def collect(env: GoalEnv) -> tuple[Images, Images]:
    """Return training images, and those of the held-out worlds."""
    chance = Random(env.spaces.action_dim, 0, env.device)
    expert = torch.arange(env.num_worlds, device=env.device) % 2 == 0
    obs, pixels, achieved = env.reset(), list[Tensor](), list[Tensor]()
    for _ in range(STEPS):
        random = chance.act(obs, explore=True)
        scripted = env.task.expert(obs)
        assert scripted is not None
        noisy = (scripted.float() + 0.3 * random).clamp(-1.0, 1.0)
        obs = env.step(torch.where(expert[:, None], noisy, random)).obs
        pixels.append(obs["pixels"].clone())
        achieved.append(obs["achieved_goal"].float())
    world = torch.arange(env.num_worlds, device=env.device)
    held = world // 2 % HELD_OUT == 0  # of either kind

    def of(worlds: Tensor) -> Images:
        seen, places = ([x[worlds] for x in part] for part in (pixels, achieved))
        return Images(torch.cat(seen), torch.cat(places))

    return of(~held), of(held)


def learn(
    cfg: EncoderCfg,
    lr: float,
    train: Images,
    test: Images,
    args: argparse.Namespace,
) -> list[TableRow]:
    """Train one encoder and return its errors at several moments."""
    device = train.pixels.device
    torch.manual_seed(0)
    dtype = torch.bfloat16 if has_fast_bf16(device) else torch.float32
    _, channels, height, width = train.pixels.shape
    encoder = Encoder(cfg, channels, height, width, dtype)
    objective = GoalPrediction(encoder.size, 3)
    vision = Vision(encoder, objective).to(device)
    objective.update_normalizer({"achieved_goal": train.achieved})
    flat = Flat(vision)
    adam = Adam(flat.vector, lr, max_grad_norm=1.0)

    def update(pixels: Tensor, achieved: Tensor) -> None:
        def loss(parameters: Tensor) -> Tensor:
            prediction = flat(parameters, pixels)[1]
            return objective.loss(prediction, {"achieved_goal": achieved})

        adam.step(flat.vector, grad_and_value(loss)(flat.vector)[0])

    compiled = torch.compile(update)
    rng, rows = generator(0, "sight", device), list[TableRow]()
    for number in range(1, args.updates + 1):
        at = torch.randint(
            len(train.pixels), (args.batch,), generator=rng, device=device
        )
        compiled(train.pixels[at], train.achieved[at])
        if number % (args.updates // 8) == 0:
            off_m = errors_m(vision, objective, test)
            rows.append(
                {
                    "encoder": cfg.kind,
                    "head": cfg.head,
                    "lr": lr,
                    "updates": number,
                    "median_mm": round(1e3 * float(off_m.median()), 2),
                    "worst_tenth_mm": round(1e3 * float(off_m.quantile(0.9)), 2),
                }
            )
            print(*rows[-1].values(), flush=True)
    return rows


def errors_m(vision: Vision, objective: GoalPrediction, test: Images) -> Tensor:
    """Return the distances of predicted from true goals, meters, (n,)."""
    predictions = [vision(part)[1] for part in test.pixels.split(256)]
    goals = objective.goals.denormalize(torch.cat(predictions))
    return (goals - test.achieved).norm(dim=1)


@torch.no_grad()
def main() -> None:
    """Collect images, train the encoders and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sim", choices=["cpu", "warp"], default="cpu")
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, nargs="+", default=[1e-3])
    args = parser.parse_args()
    cfg = preset("push-pixels-gpu")
    device = pick_device("cpu" if args.sim == "cpu" else cfg.device)
    sim = SimCfg() if args.sim == "cpu" else cfg.sim
    env = make_env(
        "push",
        replace(sim, num_worlds=args.worlds),
        pixels=cfg.pixels,
        device=device,
    )
    train, test = collect(env)
    rows = [
        row
        for encoder in ENCODERS
        for lr in args.lr
        for row in learn(encoder, lr, train, test, args)
    ]
    write_table(TABLE, rows, manifest(device, **vars(args)))


if __name__ == "__main__":
    main()
