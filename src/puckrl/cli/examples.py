"""Show examples of each command, at the end of its help."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "list": (
        ("puck list", "presets and tasks"),
        ("puck list --sensors push", "what a network may get from a task"),
    ),
    "plan": (
        ("puck plan push-pixels", "as the preset is"),
        ("puck plan push-pixels --pixels.height 64", "with a change"),
    ),
    "warm-up": (
        ("puck warm-up push-gpu", "before the first run on a machine"),
        ("puck warm-up push push-pixels", "several presets"),
    ),
    "check": (
        ("puck check push", "a task of puckrl"),
        ("puck check my_task.py:MyTask", "one of yours"),
    ),
    "runs": (
        ("puck runs", "the newest first"),
        ("puck runs --sort success -n 5", "the five best"),
        ("puck runs --preset 'push*' --status done", "some of them"),
    ),
    "compare": (("puck compare push-1a2b3c4d-s0 push-5e6f7a8b-s0", "two runs"),),
    "watch": (
        ("puck watch", "all runs, live"),
        ("puck watch push-1a2b3c4d-s0 sb3/tb", "a run of puckrl and another library's"),
        ("puck watch studies/gamma-5e6f7a8b --out page.html", "a study as one file"),
    ),
    "study": (
        ("puck study study.yaml --dry-run", "what would run"),
        ("puck study study.yaml", "begin"),
        ("puck study study.yaml --resume", "continue"),
    ),
    "doctor": (
        ("puck doctor push-1a2b3c4d-s0", "a run of puckrl"),
        ("puck doctor tb/SAC_1 tb/SAC_2", "TensorBoard, side by side"),
        ("puck doctor log.csv --map acc=eval/success", "a table of your own"),
    ),
    "eval": (
        ("puck eval push-1a2b3c4d-s0", "500 episodes"),
        ("puck eval push-1a2b3c4d-s0 --json a.json", "for programs, too"),
    ),
    "record": (
        ("puck record push-1a2b3c4d-s0", "policy.mp4 in the run folder"),
        ("puck record push-1a2b3c4d-s0 -o push.gif", "a GIF"),
    ),
    "export": (
        ("puck export push-1a2b3c4d-s0", "export in the run folder"),
        ("puck export push-1a2b3c4d-s0 -o push-policy", "for a robot, or a model hub"),
    ),
    "pretrain": (
        (
            "puck pretrain push-pixels -o eyes.safetensors",
            "on 50,000 frames of random play",
        ),
        (
            "puck train push-pixels --agent.vision.encoder.weights eyes.safetensors",
            "begin with it",
        ),
    ),
    "probe": (
        ("puck probe eyes.safetensors", "a file of puck pretrain"),
        ("puck probe push-pixels-1a2b3c4d-s0 --map map.png", "a run, with a heat map"),
    ),
    "dataset": (
        (
            "puck dataset push-1a2b3c4d-s0 -o data --cameras side wrist",
            "1,000 episodes",
        ),
        ("puck dataset push --script -o data --format minari", "without training"),
    ),
    "bench": (
        ("puck bench sim", "physics, beside a bare loop"),
        ("puck bench update --preset push", "updates of a preset"),
    ),
}
"""Map a command to example lines, each with what it is for."""


def epilog(command: str) -> str:
    """Return the examples of a command as text; empty without any."""
    lines = EXAMPLES.get(command, ())
    if not lines:
        return ""
    width = max(len(line) for line, _ in lines)
    return "\n".join(["examples:", *(f"  {one:<{width}}  {why}" for one, why in lines)])
