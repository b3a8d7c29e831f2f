"""What can be trained, as a table: ``puck list``."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import RunCfg
from puckrl.training.console import duration

_NOT_NAMED = ("pixels", "desired_goal")


def render() -> Group:
    """Every preset: what its policy sees, its budget, what it is held to."""
    kinds = [kind(cfg) for cfg in PRESETS.values()]
    tables = [_table(name) for name in dict.fromkeys(kinds)]
    return Group(
        Text("puck train NAME; what it takes: puck plan NAME", style="dim"),
        *tables,
        Text("\nyour own task: puck train path/to/task.py:ClassName"),
    )


def kind(cfg: RunCfg) -> str:
    """What a preset is for."""
    on_gpu = cfg.sim.backend == "warp"
    if "lessons" in cfg.preset:
        lessons = "the lessons' setting, and controls that change one thing"
        return f"{lessons}, on one GPU" if on_gpu else lessons
    if on_gpu:
        return "on one GPU"
    return "from pixels" if cfg.pixels.viewpoints else "from state"


def sees(cfg: RunCfg) -> str:
    """What the policy is shown besides its goal."""
    size = cfg.pixels
    named = [name for name in cfg.agent.actor_sensors if name not in _NOT_NAMED]
    named = ["state"] if "state" in named else named
    if "pixels" in cfg.agent.actor_sensors:
        views = " + ".join(size.viewpoints)
        named.insert(0, f"{size.width} x {size.height} {views}")
    return ", ".join(named)


def _table(name: str) -> Table:
    """The presets of one kind; their names are never cut, and words never broken."""
    presets = {key: cfg for key, cfg in PRESETS.items() if kind(cfg) == name}
    held = any(cfg.expect.success for cfg in presets.values())
    table = Table(title=f"\n{name}", title_justify="left", box=None, title_style="bold")
    table.add_column("preset", no_wrap=True)
    table.add_column("the policy sees", overflow="fold")
    table.add_column("env steps", justify="right", no_wrap=True)
    if held:
        table.add_column("held to", no_wrap=True)
    for preset, cfg in presets.items():
        row = (preset, sees(cfg), f"{cfg.budget.env_steps:,}")
        table.add_row(*row, *([promise(cfg)] if held else []))
    return table


def promise(cfg: RunCfg) -> str:
    """The bounds of a preset."""
    if not cfg.expect.success:
        return "-"
    return f"{cfg.expect.success:.2f} in {duration(cfg.expect.train_s)}"
