"""The judge's process: makes worlds and an agent, and answers what it is asked."""

import logging
import os
import pickle
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import IO

import torch

from puckrl.agents.actor_critic import ActorCritic
from puckrl.config.run_cfg import RunCfg, from_dict
from puckrl.core.errors import first_line
from puckrl.core.runtime import tune_convolutions
from puckrl.runner.build import make_agent
from puckrl.runner.judging import Failure, Request, judge, judging_env
from puckrl.runner.kept_task import task_now
from puckrl.runner.run_folder import RunFolder
from puckrl.runner.worlds import RunWorlds
from puckrl.training.judge import Evaluation


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until their stream ends; with an error if there are no worlds."""
    settings, device_name, folder = pickle.load(requests)
    cfg, device = from_dict(settings), torch.device(device_name)
    tune_convolutions(device)
    try:
        env = judging_env(_as_it_began(cfg, folder), device)
    except Exception as error:  # noqa: BLE001  a user's task may raise anything
        failure = _failure(error)
        _serve(requests, answers, lambda _: failure)
        return
    with closing(env):
        agent = make_agent(cfg, env.spaces, device, reward_bounds=None)
        _serve(requests, answers, partial(_answer, cfg, env, agent))


def _as_it_began(cfg: RunCfg, folder: RunFolder | None) -> RunCfg:
    """Return the configuration with the task as it was when the run began."""
    return cfg if folder is None else replace(cfg, task=task_now(folder, cfg.task))


def _serve(
    requests: IO[bytes],
    answers: IO[bytes],
    answer: Callable[[Request], Evaluation | Failure],
) -> None:
    """Answer requests until nobody asks any more, or listens."""
    while True:
        try:
            request: Request = pickle.load(requests)
        except EOFError:
            return
        answered = answer(request)
        try:
            pickle.dump(answered, answers)
            answers.flush()
        except BrokenPipeError:  # the learner was killed while this process judged
            return


def _answer(
    cfg: RunCfg, env: RunWorlds, agent: ActorCritic, request: Request
) -> Evaluation | Failure:
    """Return the evaluation that was asked for, or why there is none."""
    try:
        with torch.no_grad():
            agent.load(request.tensors)
        return judge(cfg, env, agent, request.episodes, request.moment)
    except Exception as error:  # noqa: BLE001  a user's task may raise anything
        return _failure(error)


def _failure(error: Exception) -> Failure:
    """Return an error as an answer."""
    return Failure(_picklable(error), first_line(error))


def _picklable(error: Exception) -> Exception | None:
    """Return the error if the learner's process can read it."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001  a user's exceptions may fail in any way
        return None


def main() -> None:
    """Serve the process that started this one; what tasks print goes to stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    logging.basicConfig(format="%(message)s")
    serve(requests, answers)
