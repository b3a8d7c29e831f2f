"""Check what trains the encoders of a configuration."""

from collections.abc import Iterator

from puckrl.agents.settings import SHIFT_PX, sensors_of
from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg
from puckrl.core.spaces import Spaces
from puckrl.nets.layers import KINDS, layer_table
from puckrl.representation.names import LABELED, weight_of


def untrained_encoder(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Refuse an encoder that no gradient reaches."""
    users = [
        name
        for name, sensors in (
            ("actor", cfg.agent.actor_sensors),
            ("critic", cfg.agent.critic_sensors),
        )
        if "pixels" in sensors
    ]
    vision = cfg.agent.vision
    route, predicts = vision.encoder_gradient, vision.aux_weight > 0
    alone = (route == "goal-prediction" and predicts) or (
        route == "self-supervised" and (predicts or bool(vision.self_supervised))
    )
    trained_by = [name for name in users if alone or route in (name, "both")]
    if users and not trained_by:
        yield Notice(
            "error" if route != "none" else "warning",
            "no gradient reaches the encoder: --agent.vision.encoder-gradient is "
            f"{route}, and pixels go to the {' and the '.join(users)}; "
            f"use --agent.vision.encoder-gradient {users[0]}",
        )
    if trained_by and vision.condition_on_prediction and not predicts:
        yield Notice(
            "error",
            "the networks get a goal prediction that no loss trains; set "
            "--agent.vision.aux-weight 1 or drop --agent.vision.condition-on-prediction",
        )
    if trained_by == ["actor"] and len(users) == 2 and vision.shared:
        yield Notice(
            "warning",
            "the critics share an encoder that learns from the actor's loss alone, which "
            "carries least about the scene; use --agent.vision.encoder-gradient critic",
        )


def self_supervised(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Check that self-supervised objectives train an encoder, on frames as they are."""
    vision, named = cfg.agent.vision, cfg.agent.vision.self_supervised
    route = vision.encoder_gradient
    if not named:
        return
    if "pixels" not in sensors_of(cfg.agent):
        yield Notice(
            "error",
            "--agent.vision.self-supervised trains an encoder, but no network gets pixels; "
            "drop it, or add pixels to --agent.actor-sensors",
        )
    elif route in ("none", "goal-prediction"):
        yield Notice(
            "error",
            f"--agent.vision.self-supervised {' '.join(named)} trains no encoder: "
            f"--agent.vision.encoder-gradient is {route}; use self-supervised, or actor, "
            "critic or both to train it by these losses too",
        )
    if any(weight_of(name)[0] == LABELED for name in named):
        yield Notice(
            "error",
            f"--agent.vision.self-supervised {LABELED} needs labels; beside a policy it is "
            "--agent.vision.aux-weight",
        )
    if vision.augment != "none":
        yield Notice(
            "error",
            f"--agent.vision.augment {vision.augment} changes frames but not those that "
            "self-supervised objectives compare them with; use none",
        )


def shift_augmentation(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn that DrQ's random shift moves exactly what a spatial softmax reports."""
    vision = cfg.agent.vision
    if spaces.pixels is None or "shift" not in vision.augment:
        return
    if vision.encoder.kind in KINDS and vision.encoder.head == "spatial-softmax":
        noise = 2.0 * SHIFT_PX / spaces.pixels.width
        yield Notice(
            "warning",
            f"random shifts of {SHIFT_PX} pixels move every spatial-softmax coordinate by "
            f"up to {noise:.2f} of its range [-1, 1], differently before and after a "
            "step, which is noise as large as the motion; use --agent.vision.augment none "
            "or --agent.vision.encoder.head flatten-norm",
        )


def coarse_encoder(cfg: RunCfg, spaces: Spaces) -> Iterator[Notice]:
    """Warn of feature-map cells that are further apart than a small object is wide."""
    if spaces.pixels is None or "pixels" not in sensors_of(cfg.agent):
        return
    size = spaces.pixels
    rows = layer_table(cfg.agent.vision.encoder, size.height, size.width)
    if rows and (row := rows[-1]).jump_px >= 8:
        yield Notice(
            "warning",
            f"the feature map of the {cfg.agent.vision.encoder.kind} encoder has one cell "
            f"every {row.jump_px} pixels, so it can miss a small object; use "
            "--agent.vision.encoder.kind padded",
        )
