"""State the version of puckrl; the build reads it from here."""

VERSION = "0.1.0"
"""Also known where the package is not installed, as in a source tree."""
