"""Hold what every other floor uses: types, formulas, clocks, seeds, CUDA capture."""
