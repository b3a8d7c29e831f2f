"""The policy's view against repeated pixels and by geometry."""

import torch

from puckrl.report.policy_view import policy_view

NOTHING = torch.zeros(2, 0, 2)


def test_pixels_become_squares_and_cameras_stand_in_parallel(
    rng: torch.Generator,
) -> None:
    frame = torch.randint(256, (2, 8, 10, 6), generator=rng, dtype=torch.uint8)
    view = policy_view(frame, NOTHING, height=24)
    large = frame.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    assert torch.equal(view, torch.cat([large[..., :3], large[..., 3:]], dim=2))


def test_an_odd_width_is_rounded_to_an_even_one() -> None:
    frame = torch.zeros(2, 8, 7, 3, dtype=torch.uint8)
    assert policy_view(frame, NOTHING, height=24).shape == (2, 24, 20, 3)


def test_dots_lie_where_the_points_are() -> None:
    frame = torch.full((2, 16, 20, 3), 255, dtype=torch.uint8)
    points = torch.tensor([[[0.25, 0.50]], [[0.70, 0.35]]])
    view = policy_view(frame, points, height=240).float()
    middles = points[:, 0] * torch.tensor([300.0, 240.0])
    for image, (x, y) in zip(view, middles, strict=True):
        row, column = int(y), int(x)
        assert image[row, column].tolist() == [255, 64, 64]  # the first hue: red
        darkness = 255.0 - image[..., 1]
        rows, columns = torch.arange(240) + 0.5, torch.arange(300) + 0.5
        # radius 4 and a rim of 1.5 around it
        far = torch.hypot(columns - x, rows[:, None] - y) > 4.0 + 1.5 + 0.5
        assert darkness[far].max() == 0
        total = darkness.sum()
        torch.testing.assert_close(
            (darkness.sum(0) @ columns) / total, x, atol=0.05, rtol=0
        )
        torch.testing.assert_close(
            (darkness.sum(1) @ rows) / total, y, atol=0.05, rtol=0
        )


def test_a_dot_in_the_corner_is_cut_and_does_not_wrap() -> None:
    frame = torch.full((1, 16, 16, 3), 255, dtype=torch.uint8)
    view = policy_view(frame, torch.zeros(1, 1, 2), height=240)
    assert view[0, 0, 0].tolist() == [255, 64, 64]
    assert int(view[0, 8:].min()) == int(view[0, :, 8:].min()) == 255


def test_channels_have_colors_of_their_own() -> None:
    frame = torch.zeros(1, 16, 16, 3, dtype=torch.uint8)
    points = torch.tensor([[[0.25, 0.25], [0.75, 0.25], [0.5, 0.75]]])
    view = policy_view(frame, points, height=240)[0]
    middles = [view[60, 60], view[60, 180], view[180, 120]]
    assert [c.tolist() for c in middles] == [
        [255, 64, 64],
        [64, 255, 64],
        [64, 64, 255],
    ]
