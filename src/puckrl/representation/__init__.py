"""Auxiliary objectives that train an encoder, independent of policies."""
