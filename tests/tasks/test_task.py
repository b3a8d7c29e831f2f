"""What a task of a user's has without saying anything: bounds, contacts, viewpoints."""

from pathlib import Path

import pytest
import torch

from puckrl.agents.settings import MODES, SacCfg, VisionCfg
from puckrl.config.run_cfg import (
    BudgetCfg,
    EvalCfg,
    LoopCfg,
    PixelsCfg,
    RunCfg,
    SaveCfg,
    SimCfg,
)
from puckrl.core.errors import UserError
from puckrl.doctor.task_check import check_task
from puckrl.nets.layers import EncoderCfg
from puckrl.replay.settings import ReplayCfg
from puckrl.runner import policies, session
from puckrl.runner.policies import record_run
from puckrl.runner.worlds import make_env
from puckrl.sim.viewpoints import FREE, viewpoint
from puckrl.tasks.catalog import TASKS, make_task
from puckrl.tasks.fetch.reach import FetchReach
from puckrl.tasks.task import Task

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples/planar_pusher.py").read_text()
PLANAR = f"{ROOT / 'examples/planar_pusher.py'}:PlanarPusher"


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """The example without a word about cameras."""
    lines = EXAMPLE.splitlines()
    kept = [line for line in lines if "film_view =" not in line]
    kept = [line for line in kept if "viewpoints =" not in line]
    assert len(kept) == len(lines) - 2
    file = tmp_path / "bare.py"
    file.write_text("\n".join(kept))
    return f"{file}:PlanarPusher"


@pytest.mark.parametrize("name", [*TASKS, PLANAR])
def test_rewards_lie_within_their_bounds_and_success_is_the_upper_one(
    name: str, rng: torch.Generator
) -> None:
    task, dense = make_task(name), make_task(name, "dense")
    goals = torch.rand(2, 500, task.spaces.goal_dim, generator=rng)
    goals *= 4 * task.goal_tol_m
    reward = task.reward(*goals)
    assert (float(reward.min()), float(reward.max())) == task.reward_bounds
    assert task.success_reward == float(reward[task.success(*goals)].unique())
    assert dense.reward_bounds is dense.success_reward is None


def test_a_task_may_have_bounds_of_its_own() -> None:
    class Paid(FetchReach):
        @property
        def reward_bounds(self) -> tuple[float, float]:
            return (-2.0, 3.0)

    assert Paid().success_reward == Paid("dense").success_reward == 3.0


def test_every_task_has_two_contact_sets_and_fetch_has_a_third() -> None:
    planar, push = make_task(PLANAR), make_task("push")
    wanted = planar.scene().compile().geom_contype
    for name in ("all", "touching"):
        assert (planar.limited_scene(name).compile().geom_contype == wanted).all()
    push.limited_scene("hand")
    with pytest.raises(
        UserError, match=r"PlanarPusher .* 'hand'; legal: all, touching; .*contacts"
    ):
        planar.limited_scene("hand")
    with pytest.raises(UserError, match="'hnad'; legal: all, touching, hand"):
        push.limited_scene("hnad")


def test_a_task_names_its_own_viewpoints_and_knows_nothing_of_fetch(bare: str) -> None:
    task = make_task(bare)
    assert task.film_view is Task.film_view is FREE
    assert viewpoint("free", task.viewpoints) is FREE
    with pytest.raises(UserError, match="unknown viewpoint 'side'; legal: free"):
        viewpoint("side", task.viewpoints)


@pytest.mark.parametrize("contacts", ["touching", "hand"])
def test_the_free_viewpoint_is_the_same_in_every_scene_of_a_task(contacts: str) -> None:
    task = make_task("push")
    whole, limited = task.scene().compile(), task.limited_scene(contacts).compile()
    assert FREE.resolve(whole) == FREE.resolve(limited)


def test_a_task_without_viewpoints_is_sane(bare: str) -> None:
    report = check_task(bare, num_worlds=32, random_episodes=64)
    assert report.verdict == "sane", [row for row in report.rows if not row.ok]


def test_the_free_viewpoint_shows_the_object(bare: str) -> None:
    env = make_env(
        bare,
        SimCfg(num_worlds=16),
        pixels=PixelsCfg(viewpoints=("free",), height=32, width=32, stack=1),
    )
    frame = env.reset()["frame"].float()
    red = (frame[..., 0] - frame[..., 2]).clamp(min=0) > 50
    assert (red.flatten(1).sum(dim=1) > 20).all()  # the puck, in every world


def test_a_task_without_viewpoints_is_trained_from_pixels_and_filmed(
    bare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = RunCfg(
        preset="bare",
        task=bare,
        device="cpu",
        sim=SimCfg(num_worlds=2, num_threads=1),
        pixels=PixelsCfg(viewpoints=("free",), height=16, width=16, stack=2),
        agent=SacCfg(
            hidden=(16,),
            batch_size=8,
            precision="fp32",
            actor_sensors=MODES["pixels"],
            vision=VisionCfg(encoder=EncoderCfg(channels=4)),
        ),
        replay=ReplayCfg(capacity=400),
        loop=LoopCfg(warm_up_episodes=2, normalize_episodes=4, compile=False),
        eval=EvalCfg(every_env_steps=120, episodes=2, final_episodes=2),
        budget=BudgetCfg(env_steps=240),
        save=SaveCfg(tensorboard=False, video=False),
    )
    folder = session.start(cfg, tmp_path / "runs")
    film = tmp_path / "film.gif"
    monkeypatch.setattr(policies, "_TILE_PX", (80, 64))  # rendering takes the time
    record_run(str(folder.path), tmp_path, film, worlds=1, episodes=1, seed=5)
    assert film.stat().st_size > 1_000
