"""Read names and weights of objectives: plain words, without torch."""

from puckrl.core.errors import UserError

LABELED = "goal-prediction"


def weight_of(named: str) -> tuple[str, float]:
    """Return the name of an objective and its weight.

    Raises:
        UserError: if the weight is no positive number.
    """
    name, equals, text = named.partition("=")
    try:
        weight = float(text) if equals else 1.0
    except ValueError:
        weight = -1.0
    if not 0.0 < weight < 1e6:
        raise UserError(
            f"the weight of objective {named!r} is not a number above 0; write {name}=0.5"
        )
    return name, weight
