"""Judge runs by their numbers alone, so that any library's log can be read."""
