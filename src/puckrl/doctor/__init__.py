"""Say what is wrong: read and judge logs and tasks."""
