"""Models of other packages: where they are cut, what they keep, what is refused."""

import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from puckrl.core.errors import UserError
from puckrl.nets.backbones import Backbone, is_backbone
from puckrl.nets.layers import EncoderCfg
from puckrl.nets.own import make_encoder

CFG = EncoderCfg(kind="timm/small")


class Small(nn.Module):
    """Convolutions with strides 2, 4, 8 and 16, BatchNorm, then a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.blocks = nn.Sequential(
            nn.Conv2d(4, 6, 3, stride=2, padding=1),
            nn.Conv2d(6, 8, 3, stride=2, padding=1),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.norm(self.stem(x)))
        return self.classify(self.pool(x).flatten(1))


class Flat(nn.Module):
    """A model without a map."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Provide a package timm with two models."""
    made = types.ModuleType("timm")

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> nn.Module:
        assert not pretrained
        return {"small": Small, "flat": Flat}[name]()

    made.create_model = create_model  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "timm", made)


def images(rng: torch.Generator, count: int = 2) -> Tensor:
    return torch.randint(256, (count, 9, 32, 32), generator=rng, dtype=torch.uint8)


def test_the_last_map_that_is_fine_enough_is_kept(rng: torch.Generator) -> None:
    made = make_encoder(CFG, 9, 32, 32)
    assert isinstance(made, Backbone)
    with torch.no_grad():
        assert made.layers(torch.zeros(1, 3, 32, 32)).shape == (1, 8, 4, 4)
    assert made.size == 3 * 2 * 8  # three frames, x and y of eight channels
    assert made(images(rng)).shape == (2, 48)
    assert made.keypoints(made(images(rng))).shape == (2, 8, 2)


def test_every_frame_goes_through_alone(rng: torch.Generator) -> None:
    made = make_encoder(CFG, 9, 32, 32)
    pixels = images(rng)
    single = make_encoder(CFG, 3, 32, 32)
    single.load_state_dict(made.state_dict())
    parts = [single(pixels[:, 3 * k : 3 * k + 3]) for k in range(3)]
    torch.testing.assert_close(made(pixels), torch.cat(parts, dim=1))


def test_pixels_are_normalized_as_the_models_were_trained(rng: torch.Generator) -> None:
    made = make_encoder(CFG, 3, 32, 32)
    assert isinstance(made, Backbone)
    pixels = images(rng)[:, :3]
    x = pixels.float() / 255
    for channel, (mean, std) in enumerate(
        zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    ):
        x[:, channel] = (x[:, channel] - mean) / std
    expected = made.head(made.layers(x))
    torch.testing.assert_close(made(pixels), expected)


def test_a_pass_changes_no_statistics(rng: torch.Generator) -> None:
    made = make_encoder(CFG, 9, 32, 32).train()
    before = {name: b.clone() for name, b in made.named_buffers()}
    parameters: dict[str, Tensor] = dict(made.named_parameters())
    functional_call(made, parameters, (images(rng),))
    for name, buffer in made.named_buffers():
        assert torch.equal(buffer, before[name]), name


def test_a_state_dict_of_the_whole_model_is_loaded(tmp_path: Path) -> None:
    file, model = tmp_path / "small.pth", Small()
    torch.save({"state_dict": model.state_dict()}, file)
    made = make_encoder(replace(CFG, weights=str(file)), 9, 32, 32)
    assert isinstance(made, Backbone)
    assert torch.equal(made.layers[0].weight, model.stem.weight)  # pyright: ignore


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no file of weights"),
        ({"x": torch.zeros(1)}, "is of another model: 0 of"),
        (torch.zeros(2), "holds a Tensor"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(
    content: object, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "small.pth"
    if content is not None:
        torch.save(content, file)
    with pytest.raises(UserError, match=words):
        make_encoder(replace(CFG, weights=str(file)), 9, 32, 32)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("timm/none", "timm has no model 'none'"),
        ("timm/flat", "no map with a cell every 8 pixels"),
        ("torchvision/resnet18", "puckrl\\[eyes\\]"),
    ],
)
def test_what_cannot_be_made_is_one_line(
    kind: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(UserError, match=words):
        make_encoder(replace(CFG, kind=kind), 9, 32, 32)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("timm/resnet18", True),
        ("torchvision/resnet18", True),
        ("padded", False),
        ("timm/file.py:Mine", False),
        ("mine/file.py:Mine", False),
    ],
)
def test_names_of_models(kind: str, expected: bool) -> None:
    assert is_backbone(kind) == expected
