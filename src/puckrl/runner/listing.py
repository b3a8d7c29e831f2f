"""List presets as tables, and the tasks: ``puck list``."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from puckrl.config.presets import PRESETS
from puckrl.config.run_cfg import RunCfg
from puckrl.core.words import duration

_NOT_NAMED = ("pixels", "desired_goal")


def render() -> Group:
    """Return the tables of all presets: sensors of the policy, budget, promise."""
    kinds = [kind(cfg) for cfg in PRESETS.values()]
    tables = [_table(name) for name in dict.fromkeys(kinds)]
    return Group(
        Text("train: puck train NAME; time and memory: puck plan NAME", style="dim"),
        *tables,
        Text(f"\ntasks: {', '.join(tasks())} (sensors: puck list --sensors)"),
        Text("a task of your own: puck train path/to/task.py:ClassName"),
    )


def tasks() -> tuple[str, ...]:
    """Return the tasks that presets train; a test compares them with the catalog."""
    return tuple(dict.fromkeys(cfg.task for cfg in PRESETS.values()))


def kind(cfg: RunCfg) -> str:
    """Return the heading under which a preset is listed."""
    on_gpu = cfg.sim.backend == "warp"
    if "lessons" in cfg.preset:
        lessons = "the lessons' setting, and controls with one change"
        return f"{lessons}, on one GPU" if on_gpu else lessons
    if on_gpu:
        return "on one GPU"
    return "from pixels" if cfg.pixels.viewpoints else "from state"


def sees(cfg: RunCfg) -> str:
    """Return the sensors of the policy as text; the desired goal goes without saying."""
    size = cfg.pixels
    named = [name for name in cfg.agent.actor_sensors if name not in _NOT_NAMED]
    named = ["state"] if "state" in named else named
    if "pixels" in cfg.agent.actor_sensors:
        views = " + ".join(size.viewpoints)
        named.insert(0, f"{size.width} x {size.height} {views}")
    return ", ".join(named)


def _table(name: str) -> Table:
    """Return the table of one kind; it never cuts a name and never breaks a word."""
    presets = {key: cfg for key, cfg in PRESETS.items() if kind(cfg) == name}
    promised = any(cfg.expect.success for cfg in presets.values())
    table = Table(title=f"\n{name}", title_justify="left", box=None, title_style="bold")
    table.add_column("preset", no_wrap=True)
    table.add_column("the policy gets", overflow="fold")
    table.add_column("env steps", justify="right", no_wrap=True)
    if promised:
        table.add_column("promise", no_wrap=True)
    for preset, cfg in presets.items():
        row = (preset, sees(cfg), f"{cfg.budget.env_steps:,}")
        table.add_row(*row, *([promise(cfg)] if promised else []))
    return table


def promise(cfg: RunCfg) -> str:
    """Return the success and training time that a preset promises; "-": none."""
    if not cfg.expect.success:
        return "-"
    return f"{cfg.expect.success:.2f} in {duration(cfg.expect.train_s)}"
