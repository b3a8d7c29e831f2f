"""Videos of a policy: several worlds side by side, with the pixels that it gets."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from signal import strsignal
from subprocess import PIPE, Popen
from tempfile import TemporaryFile

import torch
from torch import Tensor

from puckrl.core.errors import UserError, first_line
from puckrl.core.policy import Policy
from puckrl.core.runtime import torch_threads
from puckrl.core.types import Obs
from puckrl.envs.foreign.worlds import ForeignWorlds
from puckrl.envs.goal_env import GoalEnv
from puckrl.envs.play import begin, play, policy_obs
from puckrl.report.policy_view import policy_view
from puckrl.sim.film import BACKDROP, GREEN, Film

ENDINGS = (".mp4", ".gif")
Keypoints = Callable[[Obs], Tensor | None]
"""Spatial-softmax keypoints, (B, channels, 2); None for a policy without pixels."""

_FRAME_PX, _MARGIN_PX, _SEAM_PX = 3, 3, 4
_HOLD_S = 0.4
_IDLE = (0.20, 0.23, 0.29)
# The video's own palette: GIF's default one shows bands in gradients
_PALETTE = (
    "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=sierra2_4a"
)


def no_keypoints(obs: Obs) -> None:
    """Return None, the keypoints of a policy without pixels."""


@torch.no_grad()
def record(
    env: GoalEnv,
    policy: Policy,
    path: Path,
    *,
    episodes: int = 2,
    size: tuple[int, int] = (320, 240),
    keypoints: Keypoints = no_keypoints,
) -> Path:
    """Play deterministic episodes and write them as a video of all worlds.

    A translucent green sphere shows each goal; the frame around a world is green
    while it is at its goal. The video plays in real time. Right of each world are the
    pixels that the policy gets, if any, with dots at its spatial-softmax keypoints, and
    in a green frame the picture of its goal.

    Args:
        env: worlds without automatic resets, on the CPU.
        policy: acts without exploration.
        path: path of the video; its ending determines the format.
        episodes: number of consecutive episodes.
        size: width and height of one world's image in pixels.
        keypoints: returns the spatial-softmax keypoints of an observation.

    Returns:
        ``path``.

    Raises:
        UserError: for an unknown ending, a number out of range, or a file that cannot be
            written.
    """
    _check(path, episodes, size)
    task = env.task
    film = Film(env.sim, task.scene(), task.film_view, size, task.marker_radius_m)
    frames = _play(env, film, policy, episodes, keypoints)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(film), torch_threads(1):
            _write(path, frames, fps=round(1.0 / env.control_dt_s))
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UserError(f"cannot write {path}: {reason}") from error
    return path


@torch.no_grad()
def record_drawn(
    env: ForeignWorlds, policy: Policy, path: Path, *, episodes: int = 2
) -> Path:
    """Play deterministic episodes of worlds that draw themselves; see ``record``.

    Raises:
        UserError: as ``record``, or if the environment draws nothing.
    """
    _check(path, episodes, (16, 16))
    frames = _play_drawn(env, policy, episodes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch_threads(1):
            _write(path, frames, fps=max(1, round(1.0 / env.control_dt_s)))
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UserError(f"cannot write {path}: {reason}") from error
    return path


def _play_drawn(env: ForeignWorlds, policy: Policy, episodes: int) -> Iterator[Tensor]:
    """Yield frames of whole episodes, as the worlds draw them; until all are over."""

    def draw(won: Tensor) -> Tensor:
        try:
            images = env.render()
        except UserError:
            raise
        except Exception as error:  # whatever a renderer without a display raises
            raise UserError(
                f"{env.name} cannot draw its images here: {first_line(error)}; on a machine "
                "without a display set MUJOCO_GL=egl or MUJOCO_GL=osmesa, if its renderer "
                "is MuJoCo's"
            ) from error
        if images is None:
            raise UserError(f"{env.name} draws no images: its render() returned None")
        shown = torch.from_numpy(images)
        height, width = (size - size % 2 for size in shown.shape[1:3])
        return mosaic(shown[:, :height, :width], won)

    for _ in range(episodes):
        obs = begin(env, policy)
        won = env.success(obs["achieved_goal"], obs["desired_goal"])
        over = torch.zeros_like(won)
        yield draw(won)
        horizon = env.spaces.horizon
        for played in play(env, policy, horizon, explore=False, obs=obs):
            won = torch.where(over, won, played.step.success)
            over |= played.step.done
            yield draw(won)
            if bool(over.all()):
                break


def _check(path: Path, episodes: int, size: tuple[int, int]) -> None:
    """Raise ``UserError`` for arguments that cannot be recorded."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            f"cannot write a video to {path.name!r}; its name must end in "
            f"{' or '.join(ENDINGS)}"
        )
    if episodes < 1:
        raise UserError(f"{episodes} episodes are too few; use at least one")
    if min(size) < 16 or any(pixels % 2 for pixels in size):
        raise UserError(
            f"an image of {size[0]} x {size[1]} pixels cannot be encoded; "
            "width and height must be even and at least 16"
        )


def _play(
    env: GoalEnv,
    film: Film,
    policy: Policy,
    episodes: int,
    keypoints: Keypoints,
) -> Iterator[Tensor]:
    """Yield frames of whole episodes, (height, width, 3) uint8; repeat the last one."""

    def draw(obs: Obs, won: Tensor) -> Tensor:
        images = film.render(env.task.marker_pos_m(env.goal))
        points = keypoints(policy_obs(obs, policy.device))
        if points is not None:
            view = policy_view(obs["frame"], points.cpu(), height=images.shape[1])
            seam = _rgb(BACKDROP).expand(*images.shape[:2], _SEAM_PX, 3)
            images = torch.cat([images, seam, view], dim=2)
            if "goal_image" in obs:
                goal = goal_view(obs["goal_image"].cpu(), images.shape[1])
                images = torch.cat([images, seam, goal], dim=2)
        return mosaic(images, won)

    for _ in range(episodes):
        obs = begin(env, policy)
        frame = draw(obs, env.success(obs["achieved_goal"], obs["desired_goal"]))
        yield frame
        horizon = env.spaces.horizon
        for played in play(env, policy, horizon, explore=False, obs=obs):
            frame = draw(played.step.obs, played.step.success)
            yield frame
        for _ in range(round(_HOLD_S / env.control_dt_s)):
            yield frame


def goal_view(goal_image: Tensor, height: int) -> Tensor:
    """Enlarge pictures of goals, each in a green frame: green is the color of goals.

    Args:
        goal_image: (n, 3 * cameras, rows, columns) uint8.
        height: even height of the result in pixels.

    Returns:
        (n, height, cameras * width, 3) uint8; the width is even.
    """
    no_points = torch.zeros(len(goal_image), 0, 2)
    view = policy_view(goal_image.permute(0, 2, 3, 1), no_points, height)
    inner = slice(_FRAME_PX, -_FRAME_PX)
    framed = _rgb(GREEN).expand_as(view).clone()
    framed[:, inner, inner] = view[:, inner, inner]
    return framed


def mosaic(images: Tensor, won: Tensor) -> Tensor:
    """Arrange images nearly square, each in a frame that is green if ``won``.

    Args:
        images: (n, height, width, 3) uint8.
        won: whether each world is at its goal, (n,) bool.

    Returns:
        (rows * (height + 12), columns * (width + 12), 3) uint8.
    """
    count, height, width, _ = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    edge = _FRAME_PX + _MARGIN_PX
    tiles = _rgb(BACKDROP).repeat(
        rows * columns, height + 2 * edge, width + 2 * edge, 1
    )
    frames = torch.where(won[:, None], _rgb(GREEN), _rgb(_IDLE))
    outer = slice(_MARGIN_PX, -_MARGIN_PX)
    tiles[:count, outer, outer] = frames[:, None, None]
    tiles[:count, edge:-edge, edge:-edge] = images
    grid = tiles.view(rows, columns, *tiles.shape[1:]).permute(0, 2, 1, 3, 4)
    return grid.reshape(rows * tiles.shape[1], columns * tiles.shape[2], 3)


def _rgb(color: tuple[float, float, float]) -> Tensor:
    """Return a color in [0, 1] as (3,) uint8."""
    return torch.tensor([round(255 * value) for value in color], dtype=torch.uint8)


def _write(path: Path, frames: Iterator[Tensor], fps: int) -> None:
    """Encode frames one by one; rename the file when it is complete."""
    part = path.with_stem(f"{path.stem}.part")
    first = next(frames)
    try:
        part.unlink(missing_ok=True)  # ffmpeg may still write that of a killed process
        part.touch()  # Python's error is clearer than ffmpeg's
        _encode(part, chain([first], frames), (first.shape[1], first.shape[0]), fps)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _encode(
    path: Path, frames: Iterable[Tensor], size: tuple[int, int], fps: int
) -> None:
    """Pipe frames to ffmpeg.

    Raises:
        OSError: with ffmpeg's reason, if it fails, even after the last frame.
    """
    if path.suffix.lower() == ".gif":
        options = ["-c:v", "gif", "-pix_fmt", "pal8", "-filter_complex", _PALETTE]
        options += ["-loop", "0"]
    else:
        # Browsers need yuv420p; with the index in front they play while loading
        options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "10"]
        options += ["-preset", "slow", "-movflags", "+faststart"]
    import imageio_ffmpeg  # only those who film need it

    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"]
    command = [*ffmpeg, *raw, "-r", str(fps), "-i", "-", "-an", *options, str(path)]
    with (
        TemporaryFile() as said,
        # a group of its own: ctrl-C is for us, and we close its input
        Popen(command, stdin=PIPE, stderr=said, process_group=0) as process,
    ):
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has failed, and says why
            for frame in frames:
                process.stdin.write(frame.numpy().tobytes())
            process.stdin.close()
        if code := process.wait():
            said.seek(0)
            line = said.readline().decode(errors="replace").strip()
            by_signal = strsignal(-code) if code < 0 else f"ffmpeg failed with {code}"
            raise OSError(line.rpartition(": ")[2] or by_signal)
