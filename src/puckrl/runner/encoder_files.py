"""Compare files of encoders with the cameras of a run."""

from pathlib import Path

from puckrl.config.notices import Notice
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.pictures import camera_difference
from puckrl.nets.backbones import TRAINED_PX, is_backbone, is_state_dict
from puckrl.report.provenance import versions
from puckrl.representation.weights import (
    SETTING,
    EncoderFile,
    check_built,
    read_about,
)
from puckrl.runner.contract import camera_specs
from puckrl.tasks.catalog import make_task
from puckrl.tasks.task import Task

_SHARE_OF_TOLERANCE = 0.2


def describe_encoder(cfg: RunCfg) -> EncoderFile:
    """Return what a file of a run's encoder says of it, before it is trained."""
    task = make_task(cfg.task, cfg.reward, cfg.params)
    built, pixels = cfg.agent.vision.encoder, cfg.pixels
    return EncoderFile(
        kind=built.kind,
        channels=built.channels,
        head=built.head,
        features=built.features,
        height=pixels.height,
        width=pixels.width,
        stack=pixels.stack,
        cameras=camera_specs(pixels, task, task.scene()),
        task=cfg.task,
        made_by=f"puckrl {versions()['puckrl']}",
    )


def check_weights(cfg: RunCfg) -> EncoderFile | None:
    """Check that a run's file of weights fits its encoder and its cameras.

    Returns:
        What the file says; None if the run has none.

    Raises:
        UserError: if it does not fit; says in what.
    """
    built = cfg.agent.vision.encoder
    if not built.weights or is_state_dict(built.weights):
        return None
    path = Path(built.weights)
    about = read_about(path)
    if about is None:
        raise UserError(
            f"{path} is no encoder of puckrl's; make one: puck pretrain {cfg.preset} "
            f"-o {path.name}"
        )
    check_built(path, about, built)
    refuse_other_cameras(path, about, describe_encoder(cfg))
    return about


def encoder_notices(cfg: RunCfg) -> list[Notice]:
    """Return what a plan says of an encoder that others trained.

    Raises:
        UserError: if its file does not fit.
    """
    vision, found = cfg.agent.vision, list[Notice]()
    about, kind = check_weights(cfg), cfg.agent.vision.encoder.kind
    if (
        is_backbone(kind)
        and (small := min(cfg.pixels.height, cfg.pixels.width)) < TRAINED_PX
    ):
        found.append(
            Notice(
                "note",
                f"{kind} is usually trained on {TRAINED_PX} x {TRAINED_PX} pixels; at {small} "
                "things look smaller than it knows them: raise --pixels.height and "
                f"--pixels.width, or measure it: puck probe {kind} --preset {cfg.preset}",
            )
        )
    if about is None:
        return found
    errors = about.probe.get("errors", {})
    what = next(iter(errors), "")
    if not errors or about.task != cfg.task:
        text = f"what the encoder knows here is unknown; measure it: puck probe {vision.encoder.weights}"
        return [*found, Notice("note", text)]
    known_mm = min(error["median_mm"] for error in errors[what].values())
    task = make_task(cfg.task, cfg.reward, cfg.params)
    needs = needs_mm(task)
    frozen = vision.encoder_gradient == "none"
    level = "warning" if known_mm > needs and frozen else "note"
    return [*found, Notice(level, knows(what, known_mm, cfg.task, needs))]


def needs_mm(task: Task) -> float:
    """Return how exactly a task asks to know positions, about: a fifth of its tolerance."""
    return round(1e3 * _SHARE_OF_TOLERANCE * task.goal_tol_m, 1)


def knows(what: str, known_mm: float, task: str, wanted_mm: float) -> str:
    """Return in one sentence how exactly an encoder knows a position."""
    verdict = "enough" if known_mm <= wanted_mm else "not enough"
    return (
        f"this encoder knows the {what} to {known_mm:.0f} mm: {task} needs about "
        f"{wanted_mm:.0f}: {verdict}"
    )


def refuse_other_cameras(path: Path, about: EncoderFile, run: EncoderFile) -> None:
    """Refuse a file whose encoder was trained on other images.

    Raises:
        UserError: it names the first difference, and what to do.
    """
    apart = _apart(about, run)
    if apart:
        raise UserError(
            f"{path} was trained on another camera: {apart}; pretrain with the run's own "
            f"settings, or leave {SETTING} out"
        )


def _apart(about: EncoderFile, run: EncoderFile) -> str:
    """Return how images of a file differ from those of a run; empty if they do not."""
    sizes = [f"{of.height} x {of.width} pixels" for of in (about, run)]
    stacks = [f"{of.stack} frames" for of in (about, run)]
    views = [", ".join(one.name for one in of.cameras) for of in (about, run)]
    if len(about.cameras) != len(run.cameras):
        return f"{views[0]}, the run has {views[1]}"
    for there, here in zip(about.cameras, run.cameras, strict=True):
        if words := camera_difference(there, here):
            return words
    for there, here in (sizes, stacks):
        if there != here:
            return f"{there}, the run has {here}"
    return ""
