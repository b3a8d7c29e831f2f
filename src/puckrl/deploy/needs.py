"""Tell that packages of an extra are missing, before anything is imported or played."""

from importlib.util import find_spec

from puckrl.core.errors import UserError


def check_packages() -> None:
    """Refuse to export without the packages that it takes.

    Raises:
        UserError: names them, and how to get them.
    """
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"puck export needs {' and '.join(missing)}: pip install 'puckrl[export]'"
        )
