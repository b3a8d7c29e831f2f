"""Run an exported policy on a robot's computer: onnxruntime and numpy only.

    policy = load("exported", "robot.json")       refused if the contract does not fit
    policy.reset()                                at the start of every episode
    action = policy.act(obs, taken_s)             physical units, within the limits

Nothing of torch or MuJoCo is imported: ``pip install --no-deps puckrl`` beside onnxruntime
is enough. ``python -m puckrl.deploy.runtime exported`` reproduces the golden pairs and
measures the latency.
"""

import argparse
import base64
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from puckrl.deploy.fit import Contract, ContractError, check_robot, describe
from puckrl.deploy.golden import golden_pairs

FORMAT = 1
"""Number of the contract's format that this file reads."""
CONTRACT_KEY, GOLDEN_KEY = "puckrl.contract", "puckrl.golden"
"""Keys of the metadata in the ONNX file."""
MODEL, CONTRACT, GOLDEN = "policy.onnx", "contract.json", "golden.bin"
"""Names of the files in an exported folder."""

_KEPT, _MEASURED = 10_000, 2_000  # latencies
Array = NDArray[Any]


class Stopped(RuntimeError):
    """The watchdog has no action to return: an observation is late, or not finite."""


def load(
    path: str | Path,
    robot: str | Path | Mapping[str, Any] | None,
    *,
    fallback: Sequence[float] | None = None,
    max_age_s: float | None = None,
    patience: int = 5,
) -> "Policy":
    """Load a policy, and check it against itself and against a robot.

    Args:
        path: an exported folder, or its ``policy.onnx``.
        robot: the robot's description, or its JSON file; ``describe`` shows what fits.
            None: there is no robot, as in a test.
        fallback: action in place of one that would rest on a late or faulty observation,
            (A,) in the action's units; None: ``act`` raises ``Stopped`` at once. What is
            safe depends on the robot: zero may hold it, or let it fall.
        max_age_s: age at which an observation is late; None: one control period.
        patience: after this many faults in a row ``act`` raises ``Stopped``.

    Raises:
        ContractError: if anything does not fit; the line says what differs.
    """
    file = Path(path)
    file = file / MODEL if file.is_dir() else file
    session = _open(file)
    contract, golden = _embedded(session, file)
    _check_files(session, contract, file)
    made = Policy(session, contract, fallback, max_age_s, patience)
    made.check_golden(golden)
    if robot is not None:
        check_robot(contract, robot if isinstance(robot, Mapping) else _read(robot))
    return made


class Policy:
    """Acts once per control period, for one robot.

    Args:
        session: the network.
        contract: what goes in and comes out.
        fallback: see ``load``.
        max_age_s: see ``load``.
        patience: see ``load``.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        contract: Contract,
        fallback: Sequence[float] | None = None,
        max_age_s: float | None = None,
        patience: int = 5,
    ) -> None:
        self.contract = contract
        """The contract, as in ``contract.json``."""
        self.faults = 0
        """Observations that the watchdog refused."""
        self.last_fault = ""
        """Why it refused the last of them."""
        self._session, self._patience, self._row = session, patience, 0
        self._max_age_s = (
            contract["control"]["dt_s"] if max_age_s is None else max_age_s
        )
        self._inputs = [
            (one["name"], tuple(one["shape"]), np.dtype(one["dtype"]))
            for one in contract["inputs"]
        ]
        limits = [[one[end] for one in contract["action"]] for end in ("low", "high")]
        self._low, self._high = np.array(limits, np.float32)
        self._fallback = self._checked_fallback(fallback)
        self._memory_of: dict[str, Any] | None = contract["memory"]
        self._memory = np.zeros((1, 0), np.float32)
        self._took_s: deque[float] = deque(maxlen=_KEPT)
        self.reset()

    def reset(self) -> None:
        """Begin an episode: forget what the policy remembers, and the watchdog's count."""
        if self._memory_of is not None:
            self._memory = np.zeros((1, self._memory_of["size"]), np.float32)
        self._row = 0

    def act(self, obs: Mapping[str, Array], taken_s: float | None = None) -> Array:
        """Return the action, (A,) float32 in the action's units, within its limits.

        Args:
            obs: what ``contract["inputs"]`` lists, in its units.
            taken_s: when the oldest part of it was measured, by ``time.monotonic()``;
                None: now.

        Raises:
            ContractError: for an entry that is missing, or of another shape or type.
            Stopped: if the observation is late or not finite and there is no fallback, or
                its patience is over.
        """
        begun_s = time.monotonic()
        feed = {
            name: self._entry(obs, name, shape, dtype)
            for name, shape, dtype in self._inputs
        }
        if fault := self._fault(feed, taken_s, begun_s):
            return self._refuse(fault)
        action = self._run(feed)
        if not np.isfinite(action).all():
            return self._refuse("the network returned NaN")
        self._row = 0
        self._took_s.append(time.monotonic() - begun_s)
        return np.clip(action, self._low, self._high)

    def latency_us(self) -> dict[str, float]:
        """Return percentiles of the last calls of ``act``, microseconds; {} without any."""
        if not self._took_s:
            return {}
        took = np.array(self._took_s) * 1e6
        found = {f"p{q}": float(np.percentile(took, q)) for q in (50, 90, 99)}
        return {"calls": float(len(took)), **found, "max": float(took.max())}

    def check_golden(self, golden: bytes) -> float:
        """Return the largest deviation from the golden pairs, in shares of the limits.

        Raises:
            ContractError: if it is above the contract's tolerance.
        """
        worst, about = 0.0, self.contract["golden"]
        size = (self._high - self._low) / 2
        for inputs, outputs in golden_pairs(self.contract, golden):
            found = run(self._session, {k: v[None] for k, v in inputs.items()})
            for (name, wanted), value in zip(outputs.items(), found, strict=True):
                share = np.abs(value[0] - wanted) / (size if name == "action" else 1.0)
                worst = max(worst, float(share.max(initial=0.0)))
        if not worst <= about["tolerance"]:
            raise ContractError(
                f"{about['pairs']} golden pairs are off by {worst:.1e}, more than "
                f"{about['tolerance']:g}: this onnxruntime {onnxruntime.__version__} "
                "computes another policy, or the file is damaged; export it anew"
            )
        self.reset()
        return worst

    def _run(self, feed: dict[str, Array]) -> Array:
        """Return the network's action; remember."""
        if self._memory_of is None:
            return run(self._session, feed)[0][0]
        feed[self._memory_of["input"]] = self._memory
        action, self._memory = run(self._session, feed)
        return action[0]

    def _entry(
        self,
        obs: Mapping[str, Array],
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> Array:
        """Return an entry as the network takes it, (1, ...)."""
        if name not in obs:
            held = ", ".join(obs) or "nothing"
            raise ContractError(f"the observation lacks {name}; it holds: {held}")
        value = np.asarray(obs[name])
        if value.shape != shape:
            raise ContractError(f"{name} has shape {value.shape}; wanted {shape}")
        if dtype == np.uint8 and value.dtype != np.uint8:
            raise ContractError(f"{name} is {value.dtype}; wanted uint8, 0 to 255")
        return value.astype(dtype, copy=False)[None]

    def _fault(
        self, feed: Mapping[str, Array], taken_s: float | None, now_s: float
    ) -> str:
        """Return what is wrong with an observation; empty if nothing is."""
        age_s = 0.0 if taken_s is None else now_s - taken_s
        if not age_s <= self._max_age_s:  # NaN too
            return f"the observation is {age_s:.3f} s old; late after {self._max_age_s:g} s"
        for name, value in feed.items():
            if value.dtype != np.uint8 and not np.isfinite(value).all():
                return f"{name} holds NaN or infinity"
        return ""

    def _refuse(self, fault: str) -> Array:
        """Return the fallback for a faulty observation; raise if there is none."""
        self.faults, self._row, self.last_fault = self.faults + 1, self._row + 1, fault
        if self._fallback is None:
            raise Stopped(f"{fault}; stop the robot, or give load() a fallback")
        if self._row > self._patience:
            raise Stopped(f"{fault}; {self._row} faults in a row: stop the robot")
        return self._fallback.copy()

    def _checked_fallback(self, fallback: Sequence[float] | None) -> Array | None:
        """Return the fallback as an array; refuse one outside the limits."""
        if fallback is None:
            return None
        given = np.asarray(fallback, np.float32)
        inside = given.shape == self._low.shape and bool(
            ((given >= self._low) & (given <= self._high)).all()
        )
        if not inside:
            raise ContractError(
                f"the fallback {given.tolist()} is no action; wanted {len(self._low)} "
                f"numbers from {self._low.tolist()} to {self._high.tolist()}"
            )
        return given


def make_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """Return a session of a file or its bytes, on one thread: the least jitter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )


def run(session: onnxruntime.InferenceSession, feed: dict[str, Array]) -> list[Array]:
    """Return the outputs of a network."""
    found: Any = session.run(None, feed)
    return found


def _open(file: Path) -> onnxruntime.InferenceSession:
    """Return a session of a file.

    Raises:
        ContractError: if it is not there, or onnxruntime refuses it.
    """
    if not file.is_file():
        raise ContractError(f"no exported policy at {file}; puck export RUN writes one")
    try:
        return make_session(str(file))
    except Exception as error:  # onnxruntime's own errors have no common class
        raise ContractError(
            f"{file} cannot be loaded by onnxruntime {onnxruntime.__version__}: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _embedded(
    session: onnxruntime.InferenceSession, file: Path
) -> tuple[Contract, bytes]:
    """Return the contract and the golden pairs in the file's metadata."""
    about = session.get_modelmeta().custom_metadata_map
    if CONTRACT_KEY not in about or GOLDEN_KEY not in about:
        raise ContractError(
            f"{file} holds no contract; puck export writes files that do"
        )
    contract = json.loads(about[CONTRACT_KEY])
    if contract.get("format") != FORMAT:
        raise ContractError(
            f"the contract has format {contract.get('format')!r}, this runtime reads "
            f"{FORMAT}; install the version that wrote it: {contract.get('made_by')}"
        )
    return contract, base64.b64decode(about[GOLDEN_KEY])


def _check_files(
    session: onnxruntime.InferenceSession, contract: Contract, file: Path
) -> None:
    """Refuse a contract that is not the network's, or not that of the file beside it."""
    beside = file.parent / CONTRACT
    if beside.is_file() and _read(beside) != contract:
        raise ContractError(
            f"{beside} is not the contract inside {file.name}: one of them was changed; "
            "export the policy anew"
        )
    memory = contract["memory"]
    wanted = {one["name"]: [*one["shape"]] for one in contract["inputs"]}
    wanted |= {memory["input"]: [memory["size"]]} if memory else {}
    found = {one.name: [*one.shape[1:]] for one in session.get_inputs()}
    if found != wanted:
        raise ContractError(
            f"{file.name} takes {found}; its contract says {wanted}: export it anew"
        )


def _read(file: str | Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(Path(file).read_text())
    except (OSError, ValueError) as error:
        raise ContractError(f"{file} cannot be read: {error}") from error


def main() -> int:
    """Check an exported policy, and measure its latency on this computer."""
    parser = argparse.ArgumentParser(
        "python -m puckrl.deploy.runtime", description=main.__doc__
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--robot", type=Path, help="its description, a JSON file")
    parser.add_argument("--describe", action="store_true", help="print one that fits")
    args = parser.parse_args()
    try:
        policy = load(args.folder, args.robot)
    except ContractError as error:
        parser.exit(2, f"{error}\n")
    if args.describe:
        print(json.dumps(describe(policy.contract), indent=1))  # noqa: T201
        return 0
    obs = {name: np.zeros(shape, dtype) for name, shape, dtype in policy._inputs}
    for _ in range(_MEASURED):
        policy.act(obs)
    took = ", ".join(f"{k} {v:.0f}" for k, v in policy.latency_us().items())
    print(f"golden pairs reproduced; latency in microseconds: {took}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
