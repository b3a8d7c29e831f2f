"""Play a trained policy in a loop of your own: python examples/play_policy.py RUN."""

import sys

import puckrl

cfg, policy = puckrl.Run(sys.argv[1]).config, puckrl.load(sys.argv[1])
success = 0.0
with puckrl.make(cfg.task, num_worlds=4, pixels=cfg.pixels) as env:
    obs = env.reset()
    for _ in range(policy.spec.control.horizon):
        step = env.step(policy.act(obs))  # numpy arrays are as welcome
        obs, success = step.obs, step.success.double().mean()
print(f"success at the last step: {success:.2f}")
