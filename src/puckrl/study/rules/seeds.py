"""Refuse seeds that are no pairs, no sample, or the judge's own."""

from collections.abc import Iterator

from puckrl.core.errors import UserError
from puckrl.runner.worlds import EVAL_SEED_OFFSET
from puckrl.statistics.looks import plan_looks
from puckrl.study.design import Study
from puckrl.study.refusal import Refusal

_FEW_SEEDS = 5


def seeds_are_the_studys(study: Study) -> Iterator[Refusal]:
    """Refuse arms that set a seed, and studies of a single one."""
    for arm in study.every_arm:
        if "seed" in arm.changes:
            yield Refusal(
                "seeds",
                arm.name,
                "it sets seed, but every arm runs on the study's seeds; remove it",
            )
    given = study.text.get("settings") or {}
    if "seed" in given:
        yield Refusal("seeds", "", "settings sets seed; write seeds: [...] instead")
    if len(study.seeds) == 1:
        yield Refusal(
            "seeds",
            "",
            "one seed has no spread, so no difference can be told from chance; legal: 2 or "
            "more, better 5",
        )


def enough_for_looks(study: Study) -> Iterator[Refusal]:
    """Refuse to stop early with too few seeds to look before the end."""
    if study.stopping == "sequential":
        try:
            plan_looks(study.seeds, len(study.arms))
        except UserError as error:
            yield Refusal("seeds", "", str(error))


def judge_apart(study: Study) -> Iterator[Refusal]:
    """Refuse training seeds whose episodes the judge plays too.

    The judge of seed s resets with ``EVAL_SEED_OFFSET + s + env steps``.
    """
    steps = max(
        (arm.cfg.budget.env_steps for arm in study.every_arm if arm.cfg), default=0
    )
    for seed in study.seeds:
        first = EVAL_SEED_OFFSET + seed
        shared = [other for other in study.seeds if first <= other <= first + steps + 1]
        if shared:
            yield Refusal(
                "judge apart",
                "",
                f"seed {shared[0]} is also the judge's: for seed {seed} it plays episodes "
                f"of {first:,} to {first + steps + 1:,}; legal: seeds closer together",
            )
            return


def few_seeds(study: Study) -> Iterator[str]:
    """Say that few seeds show large differences only."""
    if 1 < len(study.seeds) < _FEW_SEEDS:
        yield f"{len(study.seeds)} seeds show only very large differences; 5 are usual"
