"""What a run is: one frozen value, its bounds, its conflicts, its presets."""
