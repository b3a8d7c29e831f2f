"""Refuse runs that end by different clocks, and measures that lie beyond their end.

Equal env steps, equal updates and equal seconds cannot all hold where an arm changes the
update ratio or the speed: a study names the clock that binds.
"""

from collections.abc import Iterator

from puckrl.config.run_cfg import RunCfg
from puckrl.statistics.measure import Clock
from puckrl.study.design import Study
from puckrl.study.refusal import Refusal


def one_clock(study: Study) -> Iterator[Refusal]:
    """Refuse runs that no clock, or more than one, or a different one, ends."""
    ends = {arm.name: _ends(arm.cfg) for arm in study.every_arm if arm.cfg}
    for arm, (steps, seconds, stop) in ends.items():
        if stop != "budget":
            yield Refusal(
                "clock",
                arm,
                f"budget.stop is {stop}: runs would end after different numbers of steps; "
                "legal in a study: budget",
            )
        elif steps and seconds:
            yield Refusal(
                "clock",
                arm,
                f"two limits, {steps:,.0f} env steps and {seconds:g} s: the faster arm ends "
                "by one and the slower by the other; keep one in budget, set the other to 0",
            )
        elif not steps and not seconds:
            yield Refusal(
                "clock", arm, "no limit ends its runs; give budget: {env_steps: NUMBER}"
            )
    limits = {arm: _words(steps, seconds) for arm, (steps, seconds, _) in ends.items()}
    if len(set(limits.values())) > 1:
        yield Refusal(
            "clock",
            "",
            "the arms end at different moments: "
            + "; ".join(f"{arm} at {words}" for arm, words in limits.items())
            + ". Env steps, updates and seconds cannot all be equal: name the one that "
            "binds, under budget",
        )


def _ends(cfg: RunCfg) -> tuple[float, float, str]:
    """Return a run's limits in env steps and seconds, and its rule of stopping."""
    return cfg.budget.env_steps, cfg.budget.train_s, cfg.budget.stop


def _words(steps: float, seconds: float) -> str:
    """Return the limits of a run in words."""
    return " or ".join(
        [f"{steps:,.0f} env steps"] * bool(steps) + [f"{seconds:g} s"] * bool(seconds)
    )


def early_end_changes_nothing(study: Study) -> Iterator[Refusal]:
    """Refuse an early end that the measure would notice."""
    measure = study.measure
    for arm in study.every_arm:
        until = arm.cfg.budget.until_success if arm.cfg else 0.0
        if until and measure.kind != "time_to":
            yield Refusal(
                "early end",
                arm.name,
                f"runs end early at success {until:g}, and {measure} is measured "
                "afterwards; set budget.until_success to 0",
            )
        elif until and until < measure.threshold:
            yield Refusal(
                "early end",
                arm.name,
                f"runs end at success {until:g} and cannot reach {measure.threshold:g}; "
                f"set budget.until_success to 0, or to {measure.threshold:g} or more",
            )


def measurable(study: Study) -> Iterator[Refusal]:
    """Refuse a measure that lies beyond an arm's end, or ends elsewhere for each arm."""
    measure = study.measure
    clock = measure.clock
    if clock is None:
        return
    ends = {arm.name: end_of(arm.cfg, clock) for arm in study.every_arm if arm.cfg}
    known = {arm: end for arm, end in ends.items() if end is not None}
    if measure.kind == "success_at":
        for arm, end in known.items():
            if end < measure.at:
                yield Refusal(
                    "clock",
                    arm,
                    f"it ends after {end:,.0f} {clock}, before {measure}; raise the "
                    "budget, or measure earlier",
                )
        if len(known) < len(ends):
            binding = "env_steps" if clock != "env_steps" else "train_s"
            yield Refusal(
                "clock",
                "",
                f"when a run that {binding} ends reaches {measure.at:g} {clock}, only its "
                f"speed decides; measure at {binding}, or set budget to {clock}",
            )
    elif measure.kind == "area_under":
        if len(known) < len(ends):
            yield Refusal(
                "clock",
                "",
                f"{clock} does not bind these runs: each would be measured up to an end of "
                f"its own. Measure area_under({_binding(study)})",
            )
        elif len(set(known.values())) > 1:
            yield Refusal(
                "clock",
                "",
                f"the arms end after different {clock}: "
                + ", ".join(f"{arm} {end:,.0f}" for arm, end in known.items())
                + f". The clock that binds is {_binding(study)}: measure "
                f"area_under({_binding(study)})",
            )


def end_of(cfg: RunCfg, clock: Clock) -> float | None:
    """Return where a run ends on a clock; None if only its speed decides."""
    budget = cfg.budget
    if clock == "env_steps":
        return budget.env_steps or None
    if clock == "train_s":
        return budget.train_s or None
    if clock == "updates" and budget.env_steps:
        return budget.env_steps * cfg.loop.update_ratio
    return None


def _binding(study: Study) -> str:
    """Return the clock that ends the base's runs."""
    cfg = study.base.cfg
    return "train_s" if cfg and cfg.budget.train_s else "env_steps"


def says_what_censored_counts(study: Study) -> Iterator[Refusal]:
    """Refuse a time that a run may never reach, if it is not said what counts then."""
    measure = study.measure
    if measure.kind == "time_to" and measure.censored is None:
        yield Refusal(
            "censoring",
            "",
            f"a run that never reaches {measure.threshold:g} has no {measure}; say what "
            "counts then: censored=restricted (the end of the budget) or censored=rank "
            "(later than all that arrived)",
        )


def clocks_in_words(study: Study) -> Iterator[str]:
    """Say which clock is equal in all arms, and which are not."""
    cfgs = [arm.cfg for arm in study.every_arm if arm.cfg]
    if not cfgs:
        return
    ends = _words(*_ends(cfgs[0])[:2])
    others = sorted({f"{end:,.0f}" for cfg in cfgs if (end := end_of(cfg, "updates"))})
    updates = (
        f"updates: {others[0]} each"
        if len(others) == 1
        else f"updates differ: {', '.join(others)}"
        if others
        else "updates differ with speed"
    )
    yield f"every run ends at {ends}; {updates}; seconds differ"
