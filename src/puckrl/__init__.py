"""Train robot manipulation policies from sparse rewards, and know whether the run works."""
