"""Refuse runs that exist already and do not belong together."""

from collections.abc import Iterator

from puckrl.study.circumstances import unlike
from puckrl.study.design import Arm, Study
from puckrl.study.existing import ExistingRun, existing_runs
from puckrl.study.refusal import Refusal
from puckrl.study.rules.variables import differences, listed, variables


def existing_runs_fit(study: Study) -> Iterator[Refusal]:
    """Refuse runs that exist already and differ in more than an arm may."""
    made = {arm.name: existing_runs(arm) for arm in study.every_arm}
    first = next(iter(_references(study, made)), None)
    for arm in study.every_arm:
        for run in made[arm.name]:
            for text in _unlike_reference(run, arm, study, first):
                yield Refusal("existing runs", arm.name, f"{run.path} {text}")
        missing = set(study.seeds) - {run.seed for run in made[arm.name]}
        if made[arm.name] and missing:
            yield Refusal(
                "existing runs",
                arm.name,
                f"it has no run of seeds {listed(map(str, missing))}; pairs need both",
            )


def _references(
    study: Study, made: dict[str, list[ExistingRun]]
) -> Iterator[ExistingRun]:
    """Yield the existing runs whose circumstances are known, the base's first."""
    for arm in study.every_arm:
        yield from (run for run in made[arm.name] if run.cfg)


def _unlike_reference(
    run: ExistingRun, arm: Arm, study: Study, first: ExistingRun | None
) -> Iterator[str]:
    """Yield what makes an existing run no member of its arm."""
    if run.cfg is None or first is None or first.cfg is None:
        return
    if run.unfinished:
        yield f"{run.unfinished}; resume it to its end first"
    base = study.base.cfg or first.cfg
    changed = variables(set(differences(run.cfg, base)), study)
    if arm is study.base and changed:
        yield f"differs from the base in {listed(name for g in changed for name in g)}"
    elif len(changed) > 1:
        names = "; ".join(" + ".join(sorted(group)) for group in changed)
        yield f"differs from the base in {len(changed)} things: {names}"
    others = unlike(
        run.circumstances, first.circumstances, in_seconds=study.measure.in_seconds
    )
    if others:
        yield f"was made elsewhere than {first.path}: {', '.join(others)}"


def not_controlled(study: Study) -> Iterator[str]:
    """Say which arms are logs of another program."""
    for arm in study.every_arm:
        foreign = [run for run in existing_runs(arm) if run.cfg is None]
        if foreign:
            yield (
                f"{arm.name} is {len(foreign)} foreign logs: nothing is known of their "
                "settings, machine or versions"
            )
