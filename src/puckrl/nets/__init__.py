"""Torch modules without losses."""
