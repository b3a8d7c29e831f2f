"""Find the encoder that ``puck probe`` is asked about."""

from dataclasses import replace
from pathlib import Path

import torch

from puckrl.agents.pixel_features import PixelFeatures
from puckrl.config.presets import preset
from puckrl.config.run_cfg import PixelsCfg, RunCfg
from puckrl.core.errors import UserError
from puckrl.core.runtime import pick_device
from puckrl.nets.backbones import is_backbone
from puckrl.nets.layers import KINDS, EncoderCfg
from puckrl.nets.own import make_encoder
from puckrl.perception.frames import SCRIPTED, with_camera
from puckrl.perception.probe import Encode, Probe, look, measure
from puckrl.representation.weights import load_encoder, read_about
from puckrl.runner import run_folder
from puckrl.runner.encoder_files import describe_encoder, refuse_other_cameras
from puckrl.runner.kept_task import task_to_play
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.snapshot import trained_agent
from puckrl.runner.worlds import goal_space, pixel_space
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_DEFAULT = "push-pixels"


def probe_subject(
    what: str,
    root: Path,
    *,
    preset_name: str | None,
    episodes: int,
    sources: tuple[str, ...],
    seed: int,
) -> Probe:
    """Probe a file of an encoder, a run, or a kind of encoder.

    Args:
        what: a .safetensors file, a run, or with a preset a kind of encoder.
        root: folder of run folders.
        preset_name: task and cameras for a kind of encoder; None: those of the file or run.
        episodes: minimum number of episodes.
        sources: who plays; see ``play_frames``.
        seed: seed of the episodes.

    Raises:
        UserError: if there is no such encoder, or it gets no pixels.
    """
    cfg, encode = _subject(what, root, preset_name)
    cfg = replace(
        cfg, seed=seed, sim=replace(cfg.sim, num_worlds=_worlds(cfg, episodes))
    )
    if sources == ("random", SCRIPTED) and not _scripted(cfg):
        sources = ("random",)
    scene = look(cfg, pick_device(cfg.device), episodes, sources, root)
    return measure(what, cfg, scene, encode)


def _worlds(cfg: RunCfg, episodes: int) -> int:
    return min(cfg.sim.num_worlds, max(episodes, 1))


def _scripted(cfg: RunCfg) -> bool:
    """Return whether a task overrides the expert."""
    task = make_task(cfg.task, cfg.reward, cfg.params)
    return type(task).expert is not Task.expert


def _subject(what: str, root: Path, preset_name: str | None) -> tuple[RunCfg, Encode]:
    """Return the configuration of frames, and an encoder on its device, in float32."""
    if what.endswith(".safetensors"):
        return _of_file(Path(what), preset_name)
    if preset_name is not None or _is_kind(what):
        cfg = with_camera(preset(preset_name or _DEFAULT))
        vision = cfg.agent.vision
        built = replace(vision.encoder, kind=what)
        cfg = replace(
            cfg, agent=replace(cfg.agent, vision=replace(vision, encoder=built))
        )
        return cfg, _made(cfg)
    return _of_run(run_folder.find(what, root))


def _is_kind(what: str) -> bool:
    """Return whether a name is that of a kind of encoder and cannot be a run's."""
    return what in KINDS or ":" in what or is_backbone(what)


def _of_file(path: Path, preset_name: str | None) -> tuple[RunCfg, Encode]:
    """Return task and cameras of a file, and its encoder."""
    about = read_about(path)
    if about is None:
        raise UserError(
            f"{path} is no encoder of puckrl's; make one: puck pretrain PRESET -o {path.name}"
        )
    cfg = (
        RunCfg(preset="probe", task=about.task)
        if preset_name is None
        else preset(preset_name)
    )
    if preset_name is None:
        views = tuple(camera.name for camera in about.cameras)
        cfg = replace(
            cfg, pixels=PixelsCfg(views, about.height, about.width, about.stack)
        )
    built = EncoderCfg(
        about.kind,
        about.channels,
        about.head,  # pyright: ignore[reportArgumentType]
        about.features,
        weights=str(path),
    )
    vision = replace(cfg.agent.vision, encoder=built)
    cfg = replace(with_camera(cfg), agent=replace(cfg.agent, vision=vision))
    refuse_other_cameras(path, about, describe_encoder(cfg))
    return cfg, _made(cfg)


def _made(cfg: RunCfg) -> Encode:
    """Return an encoder of a configuration, with its weights if it names some."""
    size, built = pixel_space(cfg.pixels), cfg.agent.vision.encoder
    assert size is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cfg.seed)
        encoder = make_encoder(built, size.stacked_channels, size.height, size.width)
    if built.weights:
        load_encoder(encoder, built)
    return encoder.to(pick_device(cfg.device))


def _of_run(folder: RunFolder) -> tuple[RunCfg, Encode]:
    """Return the configuration of a run, and the encoder of its judged policy."""
    cfg = replace(folder.config(), task=task_to_play(folder, None))
    if "pixels" not in {*cfg.agent.actor_sensors}:
        raise UserError(
            f"the policy of {folder.path} gets no pixels, so it has no encoder to probe"
        )
    task = make_task(cfg.task, cfg.reward, cfg.params)
    spaces = replace(
        task.spaces, pixels=pixel_space(cfg.pixels), goal_image=goal_space(cfg.pixels)
    )
    device = pick_device(cfg.device)
    agent = trained_agent(folder, cfg, spaces, device)
    features, vector = agent.averaged.features, agent.averaged.vision
    assert isinstance(features, PixelFeatures)
    flat = features.flat

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        return flat(vector, pixels)[0]

    return cfg, encode
