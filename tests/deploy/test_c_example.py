"""The example in C is compiled and reproduces golden pairs: state, pixels, memory."""

import re
import shutil
import subprocess
from pathlib import Path

import onnxruntime
import pytest

from puckrl.deploy.export import Exported

EXAMPLE = Path(__file__).parent.parent.parent / "examples/deploy"
COMPILER = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
LIBRARY = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"), None)
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler"),
    pytest.mark.skipif(
        LIBRARY is None, reason="onnxruntime has no shared library here"
    ),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, compiled without a warning."""
    made = tmp_path_factory.mktemp("c") / "policy"
    flags = (
        "-std=c11",
        "-D_POSIX_C_SOURCE=199309L",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
    )
    line = [str(COMPILER), *flags, "-I", str(EXAMPLE / "abi")]
    line += [str(EXAMPLE / "policy.c"), "-o", str(made), "-ldl", "-lm"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made


def run(program: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [program, LIBRARY, folder / "policy.onnx", folder / "golden.bin"]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["exported", "exported_pixels", "exported_gru"])
def test_it_reproduces_the_golden_pairs(
    kind: str, program: Path, request: pytest.FixtureRequest
) -> None:
    folder: Exported = request.getfixturevalue(kind)
    done = run(program, folder.path)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.fullmatch(
        r"64 golden pairs, off by at most (\S+), slowest \d+ us\n", done.stdout
    )
    assert found is not None
    assert float(found[1]) <= 1e-5


def test_nan_and_other_actions_end_it_in_one_line(
    program: Path, exported: Exported, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(exported.path, folder)
    golden = bytearray((folder / "golden.bin").read_bytes())
    right = bytes(golden[-4:])
    golden[-4:] = b"\0\0\0\x40"  # an action of 2.0
    (folder / "golden.bin").write_bytes(golden)
    done = run(program, folder)
    assert done.returncode == 1
    assert "off by at most" in done.stdout
    golden[-4:], golden[:4] = right, b"\0\0\xc0\x7f"  # NaN
    (folder / "golden.bin").write_bytes(golden)
    done = run(program, folder)
    assert (done.returncode, done.stderr) == (
        1,
        "policy: an input holds NaN or infinity\n",
    )
    (folder / "policy.onnx").write_bytes(b"half")
    done = run(program, folder)
    assert done.returncode == 1
    assert done.stderr.startswith("policy: ")


def test_it_stays_short() -> None:
    assert len((EXAMPLE / "policy.c").read_text().splitlines()) <= 150
