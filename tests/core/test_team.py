"""Processes that train together: their sums, and that they are one learner."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from puckrl.agents.adam import Adam
from puckrl.agents.descent import descend
from puckrl.core import team
from puckrl.core.capture import TorchGraph
from puckrl.core.errors import UserError
from puckrl.core.rng import generator
from puckrl.nets.inputs import Normalizer
from tests.pair import SIZE, as_pair

CPU = torch.device("cpu")


def data() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(6, 3, generator=rng)
    return x, x.sum(dim=1)


def regress(x: Tensor, y: Tensor) -> Tensor:
    """Weights after five steps of a regression on (x, y)."""
    weights = torch.zeros(3)
    adam = Adam(weights, 0.1)

    def loss(w: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return F.mse_loss(x @ w, y), {}

    for _ in range(5):
        descend(loss, weights, adam)
    return weights


def refuse() -> None:
    raise UserError("no")


def notes_of_a_process(folder: Path) -> None:
    with team.together(CPU):
        rank = team.rank()
        x, y = (part.chunk(SIZE)[rank] for part in data())
        inputs = Normalizer(3)
        inputs.update(x[: 3 - rank])  # not as many from each
        with pytest.raises(UserError, match="no"):
            team.from_first(refuse)
        notes = {
            "rank": rank,
            "size": team.size(),
            "totals": team.totals(rank + 1, 10),
            "minimum": team.minimum(5 - rank),
            "agreed": team.agreed(f"said by {rank}"),
            "mean": team.mean(torch.tensor([float(rank), 1.0])),
            "weights": regress(x, y),
            "moments": inputs.moments,
            "draw": torch.rand(1, generator=generator(0, "explore", CPU)),
        }
    notes["afterwards"] = team.size()
    notes["threads"] = [
        thread.read_text().strip() for thread in Path("/proc/self/task").glob("*/comm")
    ]
    torch.save(notes, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("pair")
    as_pair(notes_of_a_process, folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(SIZE)]


def test_every_process_gets_the_same_sums(pair: list[dict[str, Any]]) -> None:
    for rank, notes in enumerate(pair):
        assert (notes["rank"], notes["size"], notes["afterwards"]) == (rank, 2, 1)
        assert notes["totals"] == (3, 20)
        assert notes["minimum"] == 4
        assert notes["agreed"] == "said by 0"
        assert notes["mean"].tolist() == [0.5, 1.0]


def test_two_halves_of_a_batch_are_one_batch(pair: list[dict[str, Any]]) -> None:
    whole = regress(*data())
    for notes in pair:
        torch.testing.assert_close(notes["weights"], whole)
    assert torch.equal(pair[0]["weights"], pair[1]["weights"])


def test_normalizers_see_what_all_processes_see(pair: list[dict[str, Any]]) -> None:
    alone = Normalizer(3)
    alone.update(data()[0][[0, 1, 2, 3, 4]])
    for notes in pair:
        torch.testing.assert_close(notes["moments"], alone.moments)


def test_every_process_draws_for_itself(pair: list[dict[str, Any]]) -> None:
    alone = torch.rand(1, generator=generator(0, "explore", CPU))
    assert torch.equal(pair[0]["draw"], alone)
    assert not torch.equal(pair[1]["draw"], alone)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names threads here")
def test_no_thread_outlives_the_team(pair: list[dict[str, Any]]) -> None:
    """One that still lets go of a tensor aborts the process at its end, now and then."""
    for notes in pair:
        assert notes["threads"]
        assert not [name for name in notes["threads"] if "gloo" in name]


def test_alone_everything_is_what_it_was() -> None:
    x = torch.ones(2)
    with team.together(CPU):
        assert (team.rank(), team.size(), team.is_first()) == (0, 1, True)
        assert team.total(x) is x
        assert team.mean(x) is x
        assert team.totals(1, 2) == (1, 2)
        assert team.minimum(3) == 3
        assert team.agreed(None) is None
        with pytest.raises(UserError, match="no"):
            team.from_first(refuse)


@pytest.mark.parametrize(("name", "card"), [("cuda", 0), ("cuda:1", 1)])
def test_every_process_takes_its_card_before_they_meet(
    monkeypatch: pytest.MonkeyPatch, name: str, card: int
) -> None:
    """By number: torch refuses a device without one."""
    done = list[object]()

    def meet(backend: str) -> None:
        done.append(backend)
        raise RuntimeError("nobody there")

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "set_device", done.append)
    monkeypatch.setattr("torch.distributed.init_process_group", meet)
    alone = pytest.raises(UserError, match="cannot be reached: nobody there")
    with alone, team.together(torch.device(name)):
        pass
    assert done == [card, "nccl"]


def test_recordings_are_freed_before_the_team_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NCCL would wait for them for ever."""
    done = list[str]()

    class Graph:
        def reset(self) -> None:
            done.append("freed")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "graph", lambda _: nullcontext())
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name, value in (("get_rank", 0), ("get_world_size", 2)):
        monkeypatch.setattr(team.dist, name, lambda value=value: value)
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(
            team.dist, name, lambda *_, name=name: done.append(name.split("_")[0])
        )
    graph = TorchGraph()
    with team.together(CPU):
        assert graph.record(lambda: 3) == 3
    assert done == ["init", "freed", "destroy"]
