"""The only floor that knows everything: configurations, runs, results."""
