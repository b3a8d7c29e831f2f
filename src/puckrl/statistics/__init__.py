"""Tell differences between runs from chance: measures, intervals, looks that may stop."""
