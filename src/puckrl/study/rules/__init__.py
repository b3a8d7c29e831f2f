"""Refuse, one rule at a time, what could not be believed afterwards."""
