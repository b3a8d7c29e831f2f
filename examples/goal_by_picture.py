"""Train FetchPush by pictures of goals, then act towards what a PNG file shows.

python examples/goal_by_picture.py          trains push-image-goal first: minutes
python examples/goal_by_picture.py RUN      plays a run that is there already
"""

import sys

import torch

import puckrl

run = puckrl.Run(sys.argv[1]) if sys.argv[1:] else None
run = run or puckrl.train(puckrl.preset("push-image-goal"))
policy, cfg = puckrl.load(run.path), run.config
with puckrl.make(cfg.task, num_worlds=16, pixels=cfg.pixels) as env:
    obs = env.reset()
    goal, shown = obs["desired_goal"][0], obs["goal_image"]
    policy.write_goal("goal.png", shown[0], goal)  # your camera writes yours
    picture = torch.from_numpy(policy.read_goal("goal.png")).expand_as(shown)
    for _ in range(env.spaces.horizon):
        action = policy.act({**obs, "goal_image": picture})
        obs = env.step(action).final_obs
    achieved = obs["achieved_goal"]
    reached = env.success(achieved, goal.expand_as(achieved)).double().mean()
print(f"the cube is where goal.png shows it: {reached:.2f}")
