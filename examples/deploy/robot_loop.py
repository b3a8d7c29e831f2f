"""Run an exported policy at its control rate, without torch.

    python examples/deploy/robot_loop.py FOLDER [robot.json]

``Robot`` stands for yours: it measures what the policy needs and takes the action. This one
plays the golden observations back, so the loop runs anywhere.
"""

import sys
import time
from pathlib import Path

from puckrl.deploy.golden import golden_pairs
from puckrl.deploy.runtime import Policy, Stopped, load

SECONDS = 2.0


class Robot:
    """Replace the three functions by your robot's driver."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        golden = (folder / "golden.bin").read_bytes()
        names = [one["name"] for one in policy.contract["inputs"]]
        pairs = golden_pairs(policy.contract, golden)
        self._obs = [{name: pair[name] for name in names} for pair, _ in pairs]
        self._step = 0

    def measure(self):
        """Return the sensors in SI units, and when the oldest of them was read."""
        self._step += 1
        return self._obs[self._step % len(self._obs)], time.monotonic()

    def command(self, action) -> None:
        """Send an action, in the units of the contract."""

    def stop(self) -> None:
        """Bring the robot to rest."""


def main(folder: Path, description: str | None = None) -> None:
    """Step at the control rate; print what was late.

    Args:
        folder: what ``puck export`` wrote.
        description: the robot's description, a JSON file; None: no robot is there.
    """
    policy = load(folder, description)
    robot, period_s = Robot(folder, policy), policy.contract["control"]["dt_s"]
    policy.reset()
    missed, due_s = 0, time.monotonic()
    for _ in range(round(SECONDS / period_s)):
        obs, taken_s = robot.measure()
        try:
            robot.command(policy.act(obs, taken_s))
        except Stopped as error:
            robot.stop()
            raise SystemExit(f"stopped: {error}") from error
        due_s += period_s
        left_s = due_s - time.monotonic()
        missed += left_s < 0
        time.sleep(max(0.0, left_s))
    took = {name: round(us) for name, us in policy.latency_us().items()}
    print(f"{missed} periods missed; latency, microseconds: {took}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
