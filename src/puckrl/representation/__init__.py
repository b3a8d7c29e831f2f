"""Objectives that train an encoder; they know nothing of policies."""
