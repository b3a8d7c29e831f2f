"""The judge of a run: in turn with training, or in a process of its own beside it.

    learner                              judge's process
    configuration, device      ------>   makes worlds and an agent
    agent's tensors, episodes  ------>   loads them, plays the episodes
                               <------   Evaluation, or the error

Both play the same episodes with the same code. The judge's process ends with the
learner's, whatever ends that: its input is closed then.
"""

import os
import pickle
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from puckrl.agents.actor_critic import ActorCritic
from puckrl.config.run_cfg import RunCfg
from puckrl.config.tree import to_dict
from puckrl.core import team
from puckrl.core.errors import UserError
from puckrl.core.foreign import is_batched, library_of
from puckrl.core.runtime import torch_threads, usable_cores
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import EVAL_SEED_OFFSET, EVAL_WORLDS, RunWorlds, make_eval_env
from puckrl.training.judge import Episodes, Evaluation, evaluate
from puckrl.training.verdicts import Given

_ENOUGH_CORES = 4  # for the judge's physics, beside the process that trains


def make_judge(
    cfg: RunCfg,
    agent: ActorCritic,
    device: torch.device,
    folder: RunFolder | None = None,
) -> "InTurn | Beside":
    """Make the judge of a run.

    Args:
        cfg: configuration of this process's part of the run.
        agent: the agent whose averaged policy is judged.
        device: device of its networks, and of cameras.
        folder: the run's folder, see ``Beside``.
    """
    if stands_beside(cfg, device):
        return Beside(cfg, agent, folder)
    return InTurn(cfg, agent, device)


def stands_beside(cfg: RunCfg, device: torch.device) -> bool:
    """Return whether a run's judge has a process of its own."""
    if is_batched(cfg.task):
        return _foreign_beside(cfg)
    if team.size() > 1 or cfg.eval.judge == "in-turn":
        return False
    pays = device.type == "cuda" and usable_cores() >= _ENOUGH_CORES
    return cfg.eval.judge == "beside" or pays


def _foreign_beside(cfg: RunCfg) -> bool:
    """Return that a library's judge has a process of its own: it must have one.

    A process has one simulation of Isaac Lab. Both libraries draw from global generators,
    which a judge in turn would share with training.

    Raises:
        UserError: if the configuration wants otherwise.
    """
    if team.size() > 1 or cfg.eval.judge == "in-turn":
        raise UserError(
            f"{cfg.task} is judged in a process of its own, beside one process that trains; "
            "leave --eval.judge in-turn out, and start it without torchrun"
        )
    return True


def judging_env(cfg: RunCfg, device: torch.device) -> RunWorlds:
    """Make the worlds that a run is judged in; cameras render on ``device``."""
    worlds = min(EVAL_WORLDS, cfg.eval.episodes)
    if is_batched(cfg.task):  # a step of many worlds takes as long as one of a few
        worlds = min(cfg.eval.episodes, cfg.sim.num_worlds)
    elif library_of(cfg.task):  # each world may be a simulation of its own
        worlds = min(worlds, cfg.sim.num_worlds)
    return make_eval_env(cfg, worlds, cfg.seed, device)


def judge(
    cfg: RunCfg, env: RunWorlds, agent: ActorCritic, episodes: Episodes, moment: int
) -> Evaluation:
    """Evaluate an agent's averaged policy over deterministic episodes.

    The episodes depend on the run's seed and on ``moment`` only, so that a resumed run
    and an uninterrupted one are evaluated on the same episodes.
    """
    env.reseed(EVAL_SEED_OFFSET + cfg.seed + moment)
    with torch_threads(1):
        return evaluate(env, agent.averaged, episodes)


class InTurn:
    """Evaluates while training waits; a ``training.verdicts.Judge``."""

    beside = False

    def __init__(self, cfg: RunCfg, agent: ActorCritic, device: torch.device) -> None:
        self._cfg, self._agent = cfg, agent
        self._env = judging_env(cfg, device)

    def ask(self, episodes: Episodes, moment: int) -> Given:
        """See ``Judge``."""
        return Given(judge(self._cfg, self._env, self._agent, episodes, moment))

    def go_back(self) -> None:
        """Do nothing: the learner did not go on."""

    def close(self) -> None:
        """Release the threads of the environment."""
        self._env.close()


@dataclass(frozen=True)
class Request:
    """Ask the judge's process for an evaluation."""

    tensors: dict[str, Tensor]
    episodes: Episodes
    moment: int


@dataclass(frozen=True)
class Failure:
    """Hold an error of the judge's process."""

    error: Exception | None
    """None if it cannot be pickled."""
    text: str


class Beside:
    """Evaluates in a process of its own, while training goes on.

    Args:
        cfg: configuration of the run.
        agent: the agent whose averaged policy is judged.
        folder: the run's folder; its copy of the task is played if somebody edits the
            task's file before this process has read it. None: there is none.
    """

    beside = True

    def __init__(
        self, cfg: RunCfg, agent: ActorCritic, folder: RunFolder | None = None
    ) -> None:
        self._agent = agent
        self._asked: dict[str, Tensor] = {}
        modules = os.pathsep.join(filter(None, [*sys.path, os.getcwd()]))
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from puckrl.runner.judge_process import main; main()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": modules},
            start_new_session=True,  # ctrl-C is for the learner
        )
        self._messenger = ThreadPoolExecutor(1, "judge")
        self._send((to_dict(cfg), str(agent.device), folder))

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, episodes: Episodes, moment: int) -> "Awaited":
        """See ``training.verdicts.Judge``."""
        self._asked = {
            name: x.detach().to("cpu", copy=True)
            for name, x in self._agent.tensors().items()
        }
        request = Request(self._asked, episodes, moment)
        return Awaited(self._messenger.submit(self._exchange, request))

    def go_back(self) -> None:
        """See ``training.verdicts.Judge``."""
        with torch.no_grad():
            self._agent.load(self._asked)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._messenger.shutdown()
        self._process.communicate()

    def _exchange(self, request: Request) -> Evaluation:
        """Send a request and return the answer; raise the judge's error."""
        self._send(request)
        assert self._process.stdout is not None
        try:
            answer = pickle.load(self._process.stdout)
        except EOFError:
            raise self._ended() from None
        if isinstance(answer, Failure):
            raise answer.error or RuntimeError(f"in the judge's process: {answer.text}")
        return answer

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> UserError:
        """Return the error of a judge's process that is gone."""
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return UserError(
            f"the judge's process ended {how}; if memory is short, evaluate in turn: "
            "--eval.judge in-turn"
        )


@dataclass(frozen=True)
class Awaited:
    """An answer under way; a ``training.verdicts.Answer``."""

    future: "Future[Evaluation]"

    def ready(self) -> bool:
        """Return whether the evaluation is over."""
        return self.future.done()

    def wait(self) -> Evaluation:
        """Wait for the evaluation and return it."""
        return self.future.result()
