"""Refuse arms that differ from the base in more, or less, than one variable."""

from collections.abc import Iterable, Iterator
from typing import Any

from puckrl.config.differences import differing
from puckrl.config.facts import flat_settings
from puckrl.config.fields import settings
from puckrl.config.run_cfg import RunCfg
from puckrl.study.design import Arm, Study
from puckrl.study.refusal import Refusal

_APART = ("expect.",)
"""Settings that no result depends on: what a preset promises."""
_NAMES = ("preset", "seed")
_PLACES = frozenset({"object", "achieved_goal", "pixels"})
"""Sensors that tell where the object is."""


def differences(arm: RunCfg, base: RunCfg) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ, by dotted name: (base's value, arm's value).

    A setting that only one of them has counts, with None for the other. Seeds, names of
    presets and their promises do not.
    """
    flat = [flat_settings(base), flat_settings(arm)]
    found = differing(flat) | differing(flat, hashed=False)
    return {
        name: (found[name][0], found[name][1])
        for name in sorted(found)
        if name not in _NAMES and not name.startswith(_APART)
    }


def variables(names: set[str], study: Study) -> list[frozenset[str]]:
    """Return what varies: settings that the study couples count as one."""
    left, found = set(names), list[frozenset[str]]()
    for group in sorted(study.couple, key=len, reverse=True):
        if len(group & left) > 1:
            found.append(frozenset(group & left))
            left -= group
    return found + [frozenset({name}) for name in sorted(left)]


def configured(study: Study) -> Iterator[tuple[Arm, RunCfg, RunCfg]]:
    """Yield each arm that will run, with its configuration and the base's."""
    if study.base.cfg is None:
        return
    for arm in study.arms:
        if arm.cfg is not None:
            yield arm, arm.cfg, study.base.cfg


def one_variable(study: Study) -> Iterator[Refusal]:
    """Refuse an arm that differs from the base in more than one variable.

    An arm of a factorial may differ in each of its factors: their effects are separated.
    """
    for arm, cfg, base in configured(study):
        names = set(differences(cfg, base))
        if arm.levels:
            names -= set(arm.changes)
        undeclared = names - _declared(arm)
        changed = variables(names - undeclared, study)
        if undeclared:
            yield Refusal(
                "undeclared",
                arm.name,
                f"it also differs from the base in {listed(undeclared)}, which it does not "
                "declare; change the base as well, or declare and couple them",
            )
        elif len(changed) > 1:
            yield Refusal(
                "one variable",
                arm.name,
                f"it changes {len(changed)} things at once: "
                f"{'; '.join(' + '.join(sorted(group)) for group in changed)}. Make an arm "
                "of each, a factorial, or couple what must move together",
            )


def _declared(arm: Arm) -> set[str]:
    """Return the settings that an arm declares; a section stands for all in it."""
    if arm.cfg is None:
        return set()
    names = [setting.name for setting in settings(arm.cfg)]
    return {
        name
        for name in names
        for given in arm.changes
        if name == given or name.startswith(f"{given}.")
    }


def some_variable(study: Study) -> Iterator[Refusal]:
    """Refuse an arm that is the base, or another arm, under a different name."""
    seen: dict[str, str] = {}
    for arm, cfg, base in configured(study):
        changed = differences(cfg, base)
        if not changed:
            yield Refusal(
                "no difference",
                arm.name,
                f"it is the base: {listed(arm.changes) or 'nothing'} has no other value there",
            )
            continue
        twin = seen.setdefault(repr(changed), arm.name)
        if twin != arm.name:
            yield Refusal(
                "no difference", arm.name, f"it is the same as {twin}; remove one"
            )


def same_question(study: Study) -> Iterator[Refusal]:
    """Refuse arms that are judged differently, or on another task."""
    for arm, cfg, base in configured(study):
        for name, (ours, theirs) in differences(cfg, base).items():
            if name.startswith("eval."):
                yield Refusal(
                    "same judge",
                    arm.name,
                    f"it is judged differently: {name} is {theirs}, the base's {ours}; set "
                    "it for every arm, under settings",
                )
            if name == "task":
                yield Refusal(
                    "same task",
                    arm.name,
                    f"its task is {theirs}, the base's {ours}; success on one says nothing "
                    "of the other. Make a study of each",
                )


def coupled(study: Study) -> Iterator[str]:
    """Say what moves together, so that its effects are not separated."""
    for group in study.couple:
        yield (
            f"{' and '.join(sorted(group))} count as one variable: the study cannot say "
            "which of them matters"
        )


def partially_observable(study: Study) -> Iterator[str]:
    """Say which arm's policy cannot know where the object is (lesson 6)."""
    for arm in study.every_arm:
        if arm.cfg and _PLACES.isdisjoint(arm.cfg.agent.actor_sensors):
            yield (
                f"{arm.name}: its policy gets none of {listed(_PLACES)}, so its problem is "
                "partially observable; it is no control for what the others learn"
            )


def listed(names: Iterable[str]) -> str:
    """Return names as text, in their order."""
    return ", ".join(sorted(names))
