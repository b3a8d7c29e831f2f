"""Memory: whole episodes, goals relabelled when they are sampled."""
