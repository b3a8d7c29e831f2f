"""Logs of runs, ours and others', as rows under our names."""
