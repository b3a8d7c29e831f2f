"""The end of a run that does not finish: what the manifest and the user get to know."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from puckrl.core import team
from puckrl.core.errors import (
    LESS_MEMORY,
    Interrupted,
    RunFailed,
    UserError,
    out_of_memory,
    outside_reason,
)
from puckrl.runner.interrupt import Signals, caught
from puckrl.runner.run_folder import RunFolder

log = logging.getLogger(__name__)


@contextmanager
def recorded(folder: RunFolder) -> Iterator[Signals]:
    """Answer signals, and write to the manifest how a run ends that does not finish.

    Yields:
        The signals that arrive.

    Raises:
        UserError: for a reason outside of puckrl; ``RunFailed`` if there is a snapshot to
            resume from.
        Interrupted: if the user ends the run at once.
    """
    with caught() as signals:
        try:
            yield signals
        except KeyboardInterrupt as error:
            _record(folder, "interrupted", signal=str(error) or "SIGINT")
            raise
        except Exception as error:
            if signals.number is not None and _is_the_signals(error, signals):
                ended = Interrupted(signals.number)
                _record(folder, "interrupted", signal=str(ended))
                raise ended from error
            _fail(folder, error, trained=signals.patient_once)
        except BaseException as error:
            _record(folder, f"failed: {type(error).__name__}: {error}")
            raise


def _is_the_signals(error: Exception, signals: Signals) -> bool:
    """Return whether a signal is the reason of an error: it has ended a child, say g++.

    A disk that is full when an interrupted run saves is a reason of its own.
    """
    own = isinstance(error, UserError) or outside_reason(error) is not None
    return not (own and signals.patient_once)


def _fail(folder: RunFolder, error: Exception, *, trained: bool) -> NoReturn:
    """Record a failure; raise it as ``UserError`` if its reason is outside of puckrl."""
    reason = str(error) if isinstance(error, UserError) else outside_reason(error)
    if isinstance(error, OSError) and not error.filename:
        reason = f"{reason}: {folder.path}"
    _record(folder, f"failed: {reason or f'{type(error).__name__}: {error}'}")
    if reason is None:
        raise error
    if out_of_memory(error):
        reason = f"{reason}; {LESS_MEMORY}"
    if not trained:
        raise error if isinstance(error, UserError) else UserError(reason) from error
    if not any(folder.checkpoints.glob("snapshot-*.json")):
        text = f"the run stopped before its first snapshot: {reason}"
        raise UserError(text) from error
    advice = _next_step(folder)
    raise RunFailed(f"the run stopped: {reason}; {advice}") from error


def _next_step(folder: RunFolder) -> str:
    """Return what can be done with the snapshots of a run that stopped."""
    if folder.config().save.replay:
        return (
            f"its snapshots are intact; resume with: puck train --resume {folder.path}"
        )
    return f"its last policy is kept; evaluate it with: puck eval {folder.path}"


def _record(folder: RunFolder, status: str, **fields: str) -> None:
    """Write the status to the manifest, if possible and if the run is not finished."""
    if not team.is_first():
        return
    try:
        if folder.manifest().get("status") != "finished":
            folder.update_manifest(status=status, **fields)
    except (OSError, UserError) as error:
        log.warning("the manifest could not be updated: %s", error)
