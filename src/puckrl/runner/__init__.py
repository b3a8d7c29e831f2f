"""RunCfg -> live objects: build, compile, shard, run, snapshot."""
