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
from puckrl.representation.own import make_objective
from puckrl.runner.build import own_rule
from puckrl.runner.kept_task import copy_source
from puckrl.runner.own_copies import RECORD, copies_of, name_in_copy
from puckrl.runner.run_folder import RunFolder

_TRIAL_FEATURES = 8


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

    Raises:
        UserError: if a copy is gone or has been edited.
    """
    manifest = folder.manifest()
    changes = {
        plugin.setting: name_in_copy(folder.path, plugin.kind, plugin.name, manifest)
        for plugin in _plugins(cfg)
        if ":" in plugin.name
    }
    return with_changes(cfg, changes) if changes else cfg
