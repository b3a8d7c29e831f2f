"""Configure a run: one frozen value, its bounds, its conflicts, its presets."""
