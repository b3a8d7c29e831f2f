"""Types, mathematics, clocks and seeds: what every other floor stands on."""
