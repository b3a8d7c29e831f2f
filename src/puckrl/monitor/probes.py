"""Define a logged number, and those that gauges measure of networks: ``probe/``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Signal:
    """Describe one logged number."""

    name: str
    """Key in metrics.jsonl and tag in TensorBoard."""
    unit: str
    """Unit; "1" for a pure number."""
    meaning: str
    """What it is, as a formula where there is one."""
    healthy: str
    """What to expect in a run that works."""


PROBES: tuple[Signal, ...] = (
    Signal(
        "probe/q_start",
        "1",
        "mean Q of the policy's mean action at the first states of the newest 128 episodes, with their own goals",
        "leaves -(1-γ^T)/(1-γ), where failing always would put it",
    ),
    Signal(
        "probe/q_action_spread",
        "1",
        "standard deviation of Q over 8 random actions at a state, mean over 128 states",
        "well above 0: the critic tells actions apart",
    ),
    Signal(
        "probe/hindsight_gap",
        "1",
        "Q(s, a, goal reached later) - Q(s, a, goal of another episode), where the achieved goal moved",
        "rises before success does",
    ),
    Signal(
        "probe/critic_dormant",
        "1",
        "share of hidden units with mean |h| ≤ 0.025 of their layer's",
        "below 0.5, no trend upwards",
    ),
    Signal("probe/actor_dormant", "1", "the same for the actor", "below 0.5"),
    Signal(
        "probe/critic_rank",
        "1",
        "number of singular values that hold 99 % of their sum, last hidden layer, 128 states",
        "tens; a fall to a few is a collapse",
    ),
    Signal("probe/actor_rank", "1", "the same for the actor", "tens"),
    Signal(
        "probe/actor_saturation",
        "1",
        "share of the policy's action components beyond ±0.99",
        "below 0.5",
    ),
    Signal(
        "probe/memory_use",
        "1",
        "mean change of an action component if the features of the actor's memory are 0, 128 states",
        "well above 0: the policy uses its memory",
    ),
    Signal(
        "probe/position_r2",
        "1",
        "held-out R² of a linear map from the encoder's features to the achieved goal: where the object is",
        "rises while success is still flat; above 0.8 the features locate the object",
    ),
    Signal(
        "probe/goal_image_error_m",
        "m",
        "median distance between goals and what is predicted from pictures of them",
        "falls below half of the distance that counts as success",
    ),
    Signal(
        "probe/goal_prediction_error_m",
        "m",
        "median distance between the achieved goal and the auxiliary head's prediction of it",
        "falls below half of the distance that counts as success; critics from pixels need less",
    ),
    Signal(
        "probe/encoder_rank", "1", "effective rank of the encoder's features", "tens"
    ),
    Signal(
        "probe/encoder_constant",
        "1",
        "share of features with a standard deviation below 0.001",
        "below 0.5",
    ),
    Signal(
        "probe/encoder_saturation", "1", "share of features beyond ±0.99", "below 0.2"
    ),
    Signal(
        "probe/softmax_spread",
        "1",
        "root mean square distance of a spatial softmax from its center, on [-1, 1]²",
        "falls from 0.8, where the map is uniform and locates nothing",
    ),
    Signal("probe/softmax_temperature", "1", "learned temperature", "falls"),
)
