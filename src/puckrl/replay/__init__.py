"""Replay buffers: whole episodes, with goals relabeled when they are sampled."""
