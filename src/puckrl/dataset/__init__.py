"""Demonstrations: episodes of a policy as data sets that other libraries load."""
