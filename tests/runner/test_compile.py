"""Compiled rounds do what rounds do."""

from collections.abc import Callable

import pytest
import torch

from puckrl.runner.compile import compile_at_first_call, in_parallel
from tests.agents import small


@pytest.mark.parametrize("kind", small.AGENTS)
def test_a_round_of_strands_is_a_round(kind: str, rng: torch.Generator) -> None:
    plain, cut = small.AGENTS[kind](), small.AGENTS[kind]()
    made = list[object]()

    def fast(function: object) -> object:
        made.append(function)
        return function

    cut.round = in_parallel(cut, fast)
    assert len(made) == (3 if kind == "distill" else 1)
    for _ in range(3):
        batch = small.batch(plain.batch_spec.transitions, rng)
        with torch.no_grad():
            one, two = (agent.update(batch) for agent in (plain, cut))
        assert one == two
    for name, x in plain.tensors().items():
        assert torch.equal(x, cut.tensors()[name]), name


def test_a_round_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = list[object]()

    def compile_(function: Callable[..., object], **_: object) -> Callable[..., object]:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compile_)
    add = compile_at_first_call(lambda a, b: a + b)
    assert not compiled
    assert (add(1, 2), add(3, 4)) == (3, 7)
    assert len(compiled) == 1
