"""Insert a peg into a hole by feel: a contact-rich task with touch."""
