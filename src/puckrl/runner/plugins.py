"""Encoders, objectives and learning rules of users: check them, and keep their files.

    plugins/encoder/             the class's file, the modules beside it, the data they name
    manifest.json: "plugins"     for each of them, where the file was, and SHA-256 of each file

A run resumes, is judged and loaded with its own copies: the originals may change or go. What
an installed package provides is not copied: its version stands in the manifest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puckrl.config.changes import with_changes
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError
from puckrl.core.source import source_of
from puckrl.core.types import Spaces
from puckrl.nets.own import make_encoder
from puckrl.representation.frames import sizes_of
from puckrl.representation.names import weight_of
from puckrl.representation.own import make_objective
from puckrl.representation.self_supervised import SelfSupervised
from puckrl.runner.build import own_rule
from puckrl.runner.encoder_files import check_weights
from puckrl.runner.kept_task import copy_source
from puckrl.runner.own_copies import RECORD, copies_of, name_in_copy
from puckrl.runner.run_folder import RunFolder

_TRIAL_FEATURES = 8
_SELF_SUPERVISED = "agent.vision.self_supervised"


@dataclass(frozen=True)
class _Plugin:
    """A setting that may name a class of a user's."""

    kind: str
    """encoder, objective or agent."""
    setting: str
    """Dotted name of the setting."""
    name: str
    """Its value."""


def _plugins(cfg: RunCfg) -> list[_Plugin]:
    """Return the settings that may name a class of a user's."""
    agent = cfg.agent
    return [
        _Plugin("encoder", "agent.vision.encoder.kind", agent.vision.encoder.kind),
        _Plugin("objective", "agent.vision.objective", agent.vision.objective),
        _Plugin("agent", "agent.rule", agent.rule),
        *(
            _Plugin(f"self-supervised-{index}", _SELF_SUPERVISED, weight_of(named)[0])
            for index, named in enumerate(agent.vision.self_supervised)
        ),
    ]


def check_plugins(cfg: RunCfg, spaces: Spaces) -> None:
    """Make encoder and objective for a trial, and look up the learning rule.

    Raises:
        UserError: for an unknown name, or a class that cannot be used.
    """
    vision, pixels = cfg.agent.vision, spaces.pixels
    size = _TRIAL_FEATURES
    if pixels is not None:
        encoder = make_encoder(
            vision.encoder, pixels.stacked_channels, pixels.height, pixels.width
        )
        size = encoder.size
        check_weights(cfg)
        if vision.self_supervised:
            SelfSupervised(vision.self_supervised, sizes_of(size, spaces))
    if pixels is not None or spaces.goal_dim:
        make_objective(vision.objective, size, spaces.goal_dim)
    if cfg.agent.rule:
        own_rule(cfg.agent.rule)


def keep_plugins(folder: RunFolder, cfg: RunCfg) -> None:
    """Copy the files of a user's classes into the run's folder, and record their hashes.

    Raises:
        UserError: if one cannot be read or written.
    """
    record: dict[str, Any] = {}
    for plugin in _plugins(cfg):
        if ":" not in plugin.name:
            continue
        try:
            source = source_of(Path(plugin.name.rpartition(":")[0]))
            copy_source(source, copies_of(folder.path, plugin.kind))
            record[plugin.kind] = {
                "file": str(source.file),
                "sha256": source.hashes(),
            }
        except OSError as error:
            raise UserError(
                f"cannot keep a copy of {plugin.name}: {error.strerror}: {error.filename}"
            ) from error
    if record:
        folder.update_manifest(**{RECORD: record})


def with_copies(folder: RunFolder, cfg: RunCfg) -> RunCfg:
    """Return the configuration with a user's classes named in the run's own copies.

    A file of weights is left out: the run's snapshots hold what became of them.

    Raises:
        UserError: if a copy is gone or has been edited.
    """
    manifest = folder.manifest()

    def copied(plugin: _Plugin) -> str:
        return name_in_copy(folder.path, plugin.kind, plugin.name, manifest)

    plugins = _plugins(cfg)
    own = [
        one for one in plugins if ":" in one.name and one.setting != _SELF_SUPERVISED
    ]
    changes: dict[str, Any] = {one.setting: copied(one) for one in own}
    beside = [one for one in plugins if one.setting == _SELF_SUPERVISED]
    if any(":" in one.name for one in beside):
        weights = [weight_of(one)[1] for one in cfg.agent.vision.self_supervised]
        changes[_SELF_SUPERVISED] = tuple(
            f"{copied(one)}={weight}"
            for one, weight in zip(beside, weights, strict=True)
        )
    if cfg.agent.vision.encoder.weights:
        changes["agent.vision.encoder.weights"] = ""
    return with_changes(cfg, changes) if changes else cfg
