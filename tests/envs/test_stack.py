"""Frame stacks by counting: every frame says its world, episode and step."""

import torch

from puckrl.envs.stack import FrameStack

CPU = torch.device("cpu")


def test_the_drawing_of_the_module() -> None:
    stack = FrameStack(1, (1,), 3, torch.uint8, CPU)
    stacks = []
    stack.reset(torch.tensor([0]), torch.tensor([[1]], dtype=torch.uint8))
    stacks.append(stack.stacked[0].tolist())
    for frame in (2, 3, 4):
        stack.push(torch.tensor([[frame]], dtype=torch.uint8))
        stacks.append(stack.stacked[0].tolist())
    assert stacks == [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert stack.newest.tolist() == [[4]]


def test_worlds_reset_on_their_own_and_channels_stay_together() -> None:
    stack = FrameStack(2, (2, 1, 3), 2, torch.int64, CPU)

    def frame(step: int) -> torch.Tensor:
        place = torch.arange(2)[:, None, None, None] * 1000
        return place + step * 10 + torch.arange(3).expand(2, 2, 1, 3)

    stack.reset(torch.arange(2), frame(0))
    stack.push(frame(1))
    stack.reset(torch.tensor([1]), frame(7)[1:])
    assert stack.stacked[0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert stack.stacked[1, 1, 0].tolist() == [1070, 1071, 1072, 1070, 1071, 1072]


def test_what_it_gives_is_a_copy() -> None:
    stack = FrameStack(1, (1,), 2, torch.uint8, CPU)
    given = stack.stacked
    stack.push(torch.ones(1, 1, dtype=torch.uint8))
    assert given.tolist() == [[0, 0]]
