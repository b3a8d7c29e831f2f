"""Train and measure encoders apart from policies: ``puck pretrain``, ``puck probe``."""
