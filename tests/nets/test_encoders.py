"""Encoders do what their tables say, and the tables say what pixels do."""

import pytest
import torch
from torch import Tensor

from puckrl.core.errors import UserError
from puckrl.nets.encoders import Encoder, pad_channels
from puckrl.nets.heads import SpatialSoftmax
from puckrl.nets.layers import EncoderCfg, Kind, layer_table, minimum_size

KINDS: tuple[Kind, ...] = ("nature", "drqv2", "manipulation", "padded", "impala")
every = pytest.mark.parametrize("kind", KINDS)


def _encoder(
    kind: Kind, height: int, width: int, dtype: torch.dtype = torch.float32
) -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderCfg(kind, channels=4), 6, height, width, dtype)


def _pixels(count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
    shape = (count, 6, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)


@every
@pytest.mark.parametrize(("height", "width"), [(84, 84), (64, 48), (45, 37)])
def test_the_table_is_what_the_layers_give(
    kind: Kind, height: int, width: int, rng: torch.Generator
) -> None:
    encoder = _encoder(kind, height, width)
    rows = layer_table(EncoderCfg(kind, channels=4), height, width)
    x = _pixels(2, height, width, rng).float()
    for row, layer in zip(rows, encoder.convs, strict=True):
        x = layer(x)
        assert x.shape == (2, row.channels, row.height, row.width)


@pytest.mark.parametrize(
    ("kind", "maps", "fields", "jumps"),
    [
        # (84 - 8) / 4 + 1 = 20, (20 - 4) / 2 + 1 = 9, 9 - 2 = 7
        ("nature", [20, 9, 7], [8, 20, 36], [4, 8, 8]),
        ("drqv2", [41, 39, 37, 35], [3, 7, 11, 15], [2, 2, 2, 2]),
        ("padded", [42, 42, 42, 42], [3, 7, 11, 15], [2, 2, 2, 2]),
        # the last layer halves 37 cells: (37 - 3) / 2 + 1 = 18
        ("manipulation", [41, 39, 37, 18], [3, 7, 11, 15], [2, 2, 2, 4]),
    ],
)
def test_maps_fields_and_jumps_by_hand(
    kind: Kind, maps: list[int], fields: list[int], jumps: list[int]
) -> None:
    rows = layer_table(EncoderCfg(kind), 84, 84)
    assert [r.height for r in rows] == [r.width for r in rows] == maps
    assert [r.field_px for r in rows] == fields
    assert [r.jump_px for r in rows] == jumps


def test_the_width_of_nature_is_the_papers() -> None:
    assert [r.channels for r in layer_table(EncoderCfg("nature"), 84, 84)] == [
        32,
        64,
        64,
    ]


def _touched(encoder: Encoder, side: int, cell: int) -> list[Tensor]:
    """Rows and columns of the image that reach a cell on the last map's diagonal."""
    for weight in encoder.convs.parameters():
        weight.data = weight.data.abs()  # nothing cancels, no ReLU is off
    image = 200 + torch.rand(1, 6, side, side)  # a maximum has one winner
    image.requires_grad_()
    maps = encoder.convs(image)
    maps[0, :, cell, cell].sum().backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(dim=0) > 0
    return [seen.any(dim=axis).nonzero()[:, 0] for axis in (1, 0)]


@every
def test_a_cell_sees_exactly_its_receptive_field(kind: Kind) -> None:
    last = layer_table(EncoderCfg(kind), 96, 96)[-1]
    cell = last.height // 2
    middle = last.first_px + last.jump_px * cell
    for seen in _touched(_encoder(kind, 96, 96), 96, cell):
        first, final = int(seen.min()), int(seen.max())
        if kind == "impala":  # the winners of its pools need not lie at the rim
            assert 0.5 * last.field_px < len(seen) <= last.field_px
            assert middle - last.field_px / 2 < first
            assert final < middle + last.field_px / 2
        else:
            assert len(seen) == last.field_px
            assert middle == (first + final) / 2


@pytest.mark.parametrize("kind", ["drqv2", "manipulation", "padded"])
def test_the_gaze_is_on_the_only_bright_pixel(kind: Kind) -> None:
    encoder = _encoder(kind, 31, 47)
    for conv in encoder.convs:  # every channel copies the middle of its window
        assert isinstance(conv.weight, Tensor)
        conv.weight.data.zero_()
        conv.weight.data[:, 0, 1, 1] = 1.0
    assert isinstance(encoder.head, SpatialSoftmax)
    encoder.head.log_temperature.data.fill_(-6.0)
    last = layer_table(EncoderCfg(kind), 31, 47)[-1]
    for row, column in ((0, 0), (2, 3), (last.height - 1, last.width - 1)):
        y, x = (int(last.first_px + last.jump_px * cell) for cell in (row, column))
        pixels = torch.zeros(1, 6, 31, 47, dtype=torch.uint8)
        pixels[0, 0, y, x] = 255
        # the middle of that pixel; float32
        expected = torch.tensor([(x + 0.5) / 47, (y + 0.5) / 31]).expand(1, 4, 2)
        torch.testing.assert_close(
            encoder.keypoints(encoder(pixels)), expected, atol=1e-5, rtol=0
        )


def test_no_channel_looks_anywhere_without_a_spatial_softmax(
    rng: torch.Generator,
) -> None:
    encoder = Encoder(EncoderCfg(channels=4, head="flatten-norm"), 6, 16, 16)
    features = encoder(_pixels(3, 16, 16, rng))
    assert encoder.keypoints(features).shape == (3, 0, 2)


@every
def test_the_minimum_size_leaves_a_cell_and_one_pixel_less_is_refused(
    kind: Kind, rng: torch.Generator
) -> None:
    side = minimum_size(EncoderCfg(kind))
    assert _encoder(kind, side, side)(_pixels(1, side, side, rng)).numel() > 0
    if side > 1:
        with pytest.raises(UserError, match=rf"too small .* {side} x {side} pixels"):
            _encoder(kind, side - 1, 84)


def test_the_minimum_size_by_hand() -> None:
    # 3 cells before the last layer, (3 - 1) 2 + 4 = 8 before, (8 - 1) 4 + 8 = 36
    assert minimum_size(EncoderCfg("nature")) == 36
    # 3, 5, 7, (7 - 1) 2 + 3
    assert minimum_size(EncoderCfg("drqv2")) == 15


def test_memory_format_and_type_of_pixels_make_no_difference(
    rng: torch.Generator,
) -> None:
    encoder, pixels = _encoder("padded", 16, 16), _pixels(3, 16, 16, rng)
    expected = encoder(pixels)
    last = pixels.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(encoder(last), expected)
    torch.testing.assert_close(encoder(pixels.float()), expected)


def test_half_precision_is_close_and_leaves_parameters_alone(
    rng: torch.Generator,
) -> None:
    full = _encoder("padded", 16, 16)
    half = _encoder("padded", 16, 16, torch.bfloat16)
    pixels = _pixels(3, 16, 16, rng)
    features = half(pixels)
    assert features.dtype == torch.float32
    assert {p.dtype for p in half.parameters()} == {torch.float32}
    # 8 bits of mantissa through four layers, then a mean over positions in [-1, 1]
    torch.testing.assert_close(features, full(pixels), atol=0.02, rtol=0)
    assert not torch.equal(features, full(pixels))


def test_brightness_is_centered(rng: torch.Generator) -> None:
    """Black is -0.5, white 0.5: half way between them a bias-free stack sees nothing."""
    encoder = _encoder("padded", 16, 16)
    grey = encoder.convs(torch.zeros(1, 6, 16, 16))
    assert (grey == 0).all()
    flat = torch.full((1, 6, 16, 16), 127.5)
    torch.testing.assert_close(encoder(flat), encoder.head(grey))


@every
def test_channels_of_nothing_change_nothing(kind: Kind, rng: torch.Generator) -> None:
    convs = _encoder(kind, 45, 37).convs
    x = torch.rand(2, 6, 45, 37, generator=rng)
    padded = pad_channels(x)
    assert padded.shape == (2, 8, 45, 37)
    assert padded.is_contiguous(memory_format=torch.channels_last)
    # sums in another order, through up to fifteen convolutions
    torch.testing.assert_close(convs(padded), convs(x), atol=1e-4, rtol=1e-4)
