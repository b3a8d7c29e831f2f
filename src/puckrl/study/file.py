"""Read a study file: what is compared, on which seeds, by which measure.

    base: push                              a preset, or path/to/file.py:ClassName
    settings: {agent.batch_size: 512}       of every arm
    seeds: 5                                0 to 4; or a list
    measure: time_to(0.95, clock=env_steps)
    arms:
      low-discount: {agent.gamma: 0.9}
    factorial: {agent.gamma: [0.95, 0.98], loop.update_ratio: [0.15, 0.3]}
    couple: [[pixels.height, pixels.width]]  one variable, though two settings
    budget: {env_steps: 400000}
    stopping: sequential                    or fixed

A Python file holds the same mapping under the name ``STUDY``. The file is parsed here and
judged in ``referee.py``.
"""

import runpy
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from puckrl.config.changes import with_changes
from puckrl.config.fields import settings
from puckrl.config.presets import preset
from puckrl.config.run_cfg import RunCfg
from puckrl.core.errors import UserError, first_line
from puckrl.core.settings import SEED
from puckrl.statistics.measure import Measure, parse_measure
from puckrl.study.design import BASE, Arm, Stopping, Study

_MAX_RUNS = 10_000


def read_study(path: Path) -> Study:
    """Return the study of a YAML or Python file.

    Raises:
        UserError: if it cannot be read, or names what does not exist or is not legal.
    """
    tree = _tree(path)
    known = (
        *("base", "settings", "seeds", "measure", "arms", "factorial"),
        *("couple", "budget", "stopping"),
    )
    for name in tree:
        if name not in known:
            likely = get_close_matches(str(name), known, n=1)
            hint = f"; did you mean {likely[0]}?" if likely else ""
            raise UserError(f"{path}: {name!r} is no part of a study{hint} Legal: "
                            f"{', '.join(known)}")  # fmt: skip
    for name in ("measure", "seeds"):
        if name not in tree:
            raise UserError(f"{path}: {name} is missing; a study needs base, seeds, "
                            "measure, and arms or factorial")  # fmt: skip
    try:
        return _study(path.stem, tree, path.parent)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _tree(path: Path) -> dict[str, Any]:
    """Return the mapping that a study file holds."""
    if not path.is_file():
        raise UserError(f"no study file at {path}; give a .yaml or a .py file")
    try:
        if path.suffix == ".py":
            tree = runpy.run_path(str(path)).get("STUDY")
        else:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"cannot read {path}: {first_line(error)}") from error
    if not isinstance(tree, dict):
        what = "a mapping STUDY" if path.suffix == ".py" else "a mapping"
        raise UserError(f"{path} does not hold {what}: base, seeds, measure, arms ...")
    return cast(dict[str, Any], tree)


def _study(name: str, tree: dict[str, Any], here: Path) -> Study:
    """Return the study of a mapping."""
    if "base" not in tree:
        raise UserError(
            "it has no base: name the preset that every arm is compared with"
        )
    measure = parse_measure(str(tree["measure"]))
    shared = _mapping(tree, "settings")
    budget = _mapping(tree, "budget")
    # limits of the preset that the study does not name would end its runs too
    unnamed = {"env_steps": 0, "train_s": 0.0} if budget else {}
    limits: dict[str, Any] = {"until_success": _until(measure)} | unnamed | budget
    limits = {f"budget.{name}": value for name, value in limits.items()}
    base = _arm(BASE, tree["base"], None, shared | limits, here)
    if base.cfg is not None:
        base = replace(base, changes={})
    arms = [
        _arm(str(name), given, base.cfg, shared | limits, here)
        for name, given in _mapping(tree, "arms").items()
    ]
    if any(arm.name == BASE for arm in arms):
        raise UserError("an arm is called base; that name is taken, choose another")
    factors, crossed = _factorial(tree, base)
    arms += crossed
    if not arms:
        raise UserError("it compares nothing: give arms or factorial")
    seeds = _seeds(tree["seeds"])
    if len(seeds) * (1 + len(arms)) > _MAX_RUNS:
        raise UserError(f"it asks for {len(seeds) * (1 + len(arms)):,} runs; legal: "
                        f"up to {_MAX_RUNS:,}")  # fmt: skip
    return Study(
        name=name,
        base=base,
        arms=tuple(arms),
        seeds=seeds,
        measure=measure,
        stopping=_stopping(tree.get("stopping", "fixed")),
        budget={name: float(value) for name, value in budget.items()},
        couple=_couple(tree, base),
        factors=factors,
        text=tree,
    )


def _until(measure: Measure) -> float:
    """Return the success at which a run may end early without changing its measure.

    Presets end at a success of their own; a curve that ends there has no later value.
    """
    return measure.threshold if measure.kind == "time_to" else 0.0


def _arm(
    name: str, given: Any, base: RunCfg | None, shared: Mapping[str, Any], here: Path
) -> Arm:
    """Return an arm: a preset's name, changes of the base, or runs that exist.

    Args:
        name: of the arm.
        given: a preset; or a mapping: changes, {preset: NAME} or {runs: [PATH ...]}.
        base: configuration of the base; None for the base itself, or if it is runs.
        shared: settings of every arm.
        here: folder that paths are relative to.
    """
    if isinstance(given, str):
        given = {"preset": given}
    if not isinstance(given, dict):
        raise UserError(
            f"arm {name}: {given!r} is neither a preset nor a mapping of changes"
        )
    given = dict(cast(dict[str, Any], given))
    if "runs" in given:
        return Arm(name, folders=_folders(name, given, here))
    other = given.pop("preset", None)
    cfg = preset(str(other)) if other is not None else base
    if cfg is None:
        raise UserError(f"arm {name} changes settings, but the base is a list of runs; "
                        "give preset: NAME, or runs: [PATH ...]")  # fmt: skip
    try:
        common = {full_name(key, cfg): value for key, value in shared.items()}
        own = {full_name(key, cfg): value for key, value in given.items()}
        return Arm(name, own, with_changes(cfg, common | own))
    except UserError as error:
        raise UserError(f"arm {name}: {error}") from error


def _folders(name: str, given: dict[str, Any], here: Path) -> tuple[Path, ...]:
    """Return the paths of an arm of existing runs."""
    paths = given.pop("runs")
    if given:
        raise UserError(
            f"arm {name} has runs and settings; runs that exist cannot change"
        )
    named = [paths] if isinstance(paths, str) else paths
    if not isinstance(named, list) or not named:
        raise UserError(f"arm {name}: runs must be a list of run folders or logs")
    found: list[Path] = []
    for path in cast(list[Any], named):
        matches = (
            sorted(here.glob(str(path))) if not Path(str(path)).is_absolute() else []
        )
        found += matches or [here / str(path)]
    for path in found:
        if not path.exists():
            raise UserError(f"arm {name}: no run at {path}")
    return tuple(found)


def full_name(name: str, cfg: RunCfg) -> str:
    """Return a setting's full dotted name; its end is enough where it is one setting's.

    Raises:
        UserError: if it ends the names of several settings. A name that ends none is
            returned as it is: ``with_changes`` knows what to say.
    """
    known = [setting.name for setting in settings(cfg)]
    sections = {one.rsplit(".", depth)[0] for one in known for depth in (1, 2, 3)}
    if name in known or name in sections:
        return name
    ends = [one for one in known if one.endswith(f".{name}")]
    if len(ends) > 1:
        raise UserError(
            f"{name!r} is short for {' and '.join(ends)}; write one in full"
        )
    return ends[0] if ends else name


def _factorial(tree: dict[str, Any], base: Arm) -> tuple[tuple[str, ...], list[Arm]]:
    """Return the factors and one arm for each combination of levels but the base's own.

    A level is a value of the setting that names the factor, or a mapping of settings.
    """
    factors = _mapping(tree, "factorial")
    if not factors:
        return (), []
    if base.cfg is None:
        raise UserError("factorial needs a base that is a preset, not runs")
    cfg = base.cfg
    levels: list[list[tuple[str, dict[str, Any]]]] = []
    for name, values in factors.items():
        if not isinstance(values, list) or len(cast(list[Any], values)) < 2:
            raise UserError(f"factorial: {name} needs a list of two levels or more")
        levels.append(
            [_level(str(name), value, cfg) for value in cast(list[Any], values)]
        )
    arms: list[Arm] = []
    for chosen in product(*levels):
        changes = {key: value for _, change in chosen for key, value in change.items()}
        words = dict(zip(map(str, factors), (word for word, _ in chosen), strict=True))
        name = ", ".join(
            f"{key.rpartition('.')[2]}={word}" for key, word in words.items()
        )
        arms.append(Arm(name, changes, with_changes(cfg, changes), levels=words))
    return tuple(map(str, factors)), _without_base(arms, base)


def _level(name: str, value: Any, cfg: RunCfg) -> tuple[str, dict[str, Any]]:
    """Return a level in words, and the settings that it changes."""
    if not isinstance(value, dict):
        return _text(value), {full_name(name, cfg): value}
    changes = {
        full_name(str(k), cfg): v for k, v in cast(dict[Any, Any], value).items()
    }
    return ", ".join(
        f"{k.rpartition('.')[2]}={_text(v)}" for k, v in changes.items()
    ), changes


def _text(value: Any) -> str:
    """Return a value as a report shows it."""
    if isinstance(value, list):
        return "+".join(map(str, cast(list[Any], value)))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_base(arms: list[Arm], base: Arm) -> list[Arm]:
    """Return the combinations that differ from the base.

    The base's own cell must be among them: effects are means over the whole table.
    """
    others = [arm for arm in arms if arm.cfg != base.cfg]
    if len(others) == len(arms):
        raise UserError(
            "no combination of the factorial is the base; put the base's own value among "
            "the levels of every factor"
        )
    return others


def base_levels(study: Study) -> dict[str, str]:
    """Return the level of every factor in the base, in words; empty without a factorial."""
    if not study.factors or study.base.cfg is None:
        return {}
    given = _mapping(dict(study.text), "factorial")
    cfg = study.base.cfg
    found: dict[str, str] = {}
    for name, values in given.items():
        for value in values:
            word, changes = _level(str(name), value, cfg)
            if with_changes(cfg, changes) == cfg:
                found[str(name)] = word
    return found


def _couple(tree: dict[str, Any], base: Arm) -> tuple[frozenset[str], ...]:
    """Return the groups of settings that count as one variable."""
    groups = tree.get("couple", [])
    legal = isinstance(groups, list) and all(
        isinstance(group, list) and len(cast(list[Any], group)) > 1
        for group in cast(list[Any], groups)
    )
    if not legal:
        raise UserError("couple must be a list of groups of two settings or more: "
                        "[[pixels.height, pixels.width]]")  # fmt: skip
    if groups and base.cfg is None:
        raise UserError("couple needs a base that is a preset, not runs")
    cfg = cast(RunCfg, base.cfg)
    known = {setting.name for setting in settings(cfg)} if groups else set[str]()
    found: list[frozenset[str]] = []
    for group in cast(list[list[Any]], groups):
        names = frozenset(full_name(str(name), cfg) for name in group)
        for name in names - known:
            likely = get_close_matches(name, known, n=1)
            hint = f"; did you mean {likely[0]}?" if likely else ""
            raise UserError(f"couple: {name!r} is not a setting{hint}")
        found.append(names)
    return tuple(found)


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds: that number of them from 0 on, or the list itself."""
    counted = isinstance(given, int) and not isinstance(given, bool)
    if counted and 1 <= given <= _MAX_RUNS:
        return tuple(range(given))
    if isinstance(given, list) and given:
        seeds = cast(list[Any], given)
        if all(type(s) is int and SEED.allows(s) for s in seeds):
            if len(set(seeds)) == len(seeds):
                return tuple(seeds)
            raise UserError("a seed is listed twice; it would count as two runs")
    raise UserError(f"seeds: {given!r}; legal: a number from 1 on, or a list of seeds "
                    f"({SEED.words})")  # fmt: skip


def _stopping(given: Any) -> Stopping:
    if given not in get_args(Stopping):
        raise UserError(f"stopping: {given!r}; legal: {', '.join(get_args(Stopping))}")
    return cast(Stopping, given)


def _mapping(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of the file that must be a mapping; empty if it is absent."""
    part = tree.get(name) or {}
    if not isinstance(part, dict):
        raise UserError(f"{name} must be a mapping, not {part!r}")
    return cast(dict[str, Any], part)
