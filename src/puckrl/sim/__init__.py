"""Wrap mujoco and warp: scenes, physics backends, the camera."""
