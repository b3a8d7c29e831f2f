"""What there is to learn: scenes, goals, rewards; no learning and no batching."""
