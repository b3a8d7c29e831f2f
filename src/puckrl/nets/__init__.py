"""Provide torch modules; losses live in ``agents/``."""
