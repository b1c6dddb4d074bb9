"""Models from pixels on the command line: learned from frames, described, planned with. Knows public names only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmagent.cli.output import messages, note, show, show_json
from wmagent.cli.parts import snapshots_beside
from wmagent.cli.progress import learning_bar
from wmagent.domain.progress import Progress
from wmagent.errors import InputError, shortened

if TYPE_CHECKING:
    from wmagent import PixelModel
    from wmagent.pixels.goals import Goal
    from wmagent.pixels.recording import Recording
    from wmagent.worlds.two_room import TwoRoom

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_POSITION = re.compile(rf"[(\[]?\s*{_NUMBER}(?:\s*[,;]\s*{_NUMBER}|\s+{_NUMBER})*\s*[)\]]?")


def is_frames(source: Path) -> bool:
    """Return whether frames are what is to be learned from."""
    return source.is_dir() or source.suffix.lower() == ".npz"


def learn_frames(
    source: Path, out: Path, preset: str, seed: int, limit: int | None, resume: bool, as_json: bool
) -> None:
    """Learn a model from frames and save it; from walks through Two-Room with the language of its rooms."""
    from wmagent import PixelModel
    from wmagent.pixels.config import preset as sizes

    recording, world = _opened(source, sizes(preset).size, limit)
    with snapshots_beside(out, resume) as snapshots:
        with learning_bar(messages()) as progress:
            model = PixelModel.learn(recording, preset, seed, resume=snapshots, report=progress)
            untold = _teach(model, world, seed, progress) if world is not None else ""
        model.save(out)
    if untold:
        note(f"goals in words were not learned: {untold}")
    if as_json:
        show_json({"model": str(out), "card": model.card})
        return
    note(f"learned from {model.card['data']['frames']:,} frames; saved {out}")
    _show_card(model)


def describe_pixels(path: Path, as_json: bool) -> None:
    """Show the card of a model from pixels."""
    from wmagent import PixelModel
    from wmagent.pixels.card import goals

    model = PixelModel.load(path)
    if as_json:
        actions = {"low": model.scale.low.tolist(), "high": model.scale.high.tolist()}
        config = model.config.model_dump(mode="json")
        show_json({"card": model.card, "config": config, "actions": actions, "goals": goals(model)})
        return
    _show_card(model)


def plan_pixels(path: Path, goal: str, state: str, seed: int, report: Path | None, as_json: bool) -> None:
    """Plan from a frame to a goal, and show what was understood, the way in words, and the actions."""
    from wmagent import PixelAgent, PixelModel

    model = PixelModel.load(path)
    agent, size = PixelAgent(model), model.config.size
    frame = _frame(state, "--state", size)
    wanted = _goal(goal, size)
    if isinstance(wanted, str) and agent.reader is None:
        raise InputError(
            f"--goal {shortened(repr(wanted))}: {path} has learned no words; give an image of the goal"
            + (", or a position such as 40,180" if model.memory.positions is not None else "")
        )
    plan = agent.plan(wanted, frame, seed=seed)
    if report is not None:
        plan.report(report)
        note(f"wrote {report}")
    if as_json:
        show_json(plan.to_dict())
        return
    from wmagent.cli.tables import pairs_view

    show(plan.explanation)
    show("\nblocks to go, now and after every block: " + "  ".join(f"{blocks:.1f}" for blocks in plan.to_go))
    steps = [
        (f"{block + 1}.{step + 1}", "  ".join(f"{number:+.2f}" for number in action))
        for block, actions in enumerate(plan.actions)
        for step, action in enumerate(actions)
    ]
    show(pairs_view(steps, ("step", "action")))


def _opened(source: Path, size: int, limit: int | None) -> tuple[Recording, TwoRoom | None]:
    """Return what was recorded, its first `limit` episodes, and the world where it was Two-Room."""
    from wmagent.pixels.reading import read_frames
    from wmagent.pixels.recording import Part
    from wmagent.worlds.two_room import Episodes

    if not (source / "episodes.json").is_file():
        return read_frames(source, size, limit, note), None
    walks = Episodes.open(source)
    if walks.stored is not None and walks.size != size:
        note(f"{source}: the frames of {walks.size} × {walks.size} pixels are drawn anew with {size} × {size}")
    return Part(walks, 0, min(limit or len(walks), len(walks))), walks.world


def _teach(model: PixelModel, world: TwoRoom, seed: int, progress: Any) -> str:
    """Let a model learn the words of its world; returns why it could not, "" if it did."""
    from wmagent.language.rooms import RoomLanguage

    try:
        model.language = RoomLanguage.learn(
            model, world, seed, lambda done, total, loss: progress(Progress("words", done, total, f"loss {loss:.3f}"))
        )
    except InputError as error:
        return str(error)
    return ""


def _goal(given: str, size: int) -> Goal:
    """Return a goal as it was meant: the frame of an image, a position, or words."""
    from wmagent.pixels.reading import IMAGES

    if os.path.isfile(given) or given.lower().endswith(IMAGES):
        return _frame(given, "--goal", size)
    if _POSITION.fullmatch(given.strip()):
        return tuple(float(number) for number in re.findall(_NUMBER, given))
    return given


def _frame(given: str, option: str, size: int) -> Any:
    """Return the frame (size, size, 3) of an image file."""
    from wmagent.pixels.reading import IMAGES, fitted, read_image

    if not os.path.isfile(given):
        raise InputError(f"{option} {shortened(given)}: no such file; give an image ({', '.join(IMAGES)})")
    return fitted(read_image(Path(given)), size, Path(given), note)


def _show_card(model: PixelModel) -> None:
    from rich.markdown import Markdown

    show(Markdown(model.card_markdown()))
