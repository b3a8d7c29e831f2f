"""The home of mujoco and warp: scenes, physics backends, the camera."""
