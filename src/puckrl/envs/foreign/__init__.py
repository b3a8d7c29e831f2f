"""Environments that are not ours, behind the protocol of ours."""
