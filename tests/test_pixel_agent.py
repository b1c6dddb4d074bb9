"""Goals, plans and journeys from pixels, on a model that is exact; their pages; goals in words beside frames."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.pixel_doubles import SIZE, ExactModel
from wmagent.adapters.goal_text import Fitting, Found, GoalText
from wmagent.errors import InputError
from wmagent.evals.two_room_words import tasked, words
from wmagent.language.pixel_goals import lessons
from wmagent.pixels.agent import PixelAgent
from wmagent.pixels.goals import understand
from wmagent.pixels.memory import Memory
from wmagent.pixels.page import png
from wmagent.pixels.planning import Pilot
from wmagent.planning import GaussianCem
from wmagent.worlds.two_room import TwoRoom, Walk, Words, collect

WORLD, MODEL = TwoRoom(), ExactModel()
PILOT = Pilot(GaussianCem(samples=60, elites=8, iterations=5, horizon=4, sum_cost=True), execute=2)


class Known:
    """Reads every sentence as the same remembered row, but for those with an exclamation mark, which it refuses."""

    row = 7

    def find(self, sentence: str, start: torch.Tensor, remembered: torch.Tensor) -> Found:
        return Found(remembered[self.row], self.row, 0.25, "!" in sentence)


AGENT = PixelAgent(MODEL, PILOT, Words(WORLD), Known())


def frame(x: float, y: float) -> np.ndarray:
    return WORLD.render([(x, y)], SIZE)[0]


def test_a_goal_is_a_frame_a_position_or_a_sentence() -> None:
    seen = understand(MODEL, frame(150, 30), words=Words(WORLD))
    assert seen.position == pytest.approx((150, 30), abs=0.5)
    assert seen.understood == "what the frame shows, the dot in the top of the right room"
    there = understand(MODEL, (40, 180), words=Words(WORLD))
    assert (MODEL.positions(there.latent) - (40, 180)) == pytest.approx(0, abs=8)
    assert there.understood == "(40, 180), in the bottom of the left room"
    said = AGENT.understand("go to x 40, y 180", frame(50, 50))
    assert torch.equal(said.latent, there.latent)
    read = AGENT.understand("anywhere", frame(50, 50))
    assert torch.equal(read.latent, MODEL.memory.latents[Known.row])
    assert read.understood == Words(WORLD).place(MODEL.positions(read.latent))
    assert read.score == 0.25


def test_a_goal_can_be_an_image_file(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(frame(150, 30)).save(tmp_path / "goal.png")
    assert understand(MODEL, tmp_path / "goal.png").position == pytest.approx((150, 30), abs=0.5)
    image.fromarray(WORLD.render([(150, 30)], 32)[0]).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="64 × 64"):
        understand(MODEL, tmp_path / "small.png")
    (tmp_path / "no.png").write_text("no image")
    with pytest.raises(InputError, match="no readable image"):
        understand(MODEL, tmp_path / "no.png")


@pytest.mark.parametrize(
    ("goal", "says"),
    [
        (np.zeros((32, 32, 3), np.uint8), "64 × 64 pixels; given 32 × 32"),
        (np.zeros((64, 64, 3), np.float32), "uint8"),
        (np.zeros((64, 64), np.uint8), "RGB last"),
        ((112.0, 150.0), "in the wall"),
        ("go to x 112, y 150", "in the wall"),
        ((300.0, 300.0), "outside the rooms"),
        ((1.0, 2.0, 3.0), "2 finite numbers"),
        ((float("nan"), 2.0), "2 finite numbers"),
        ("make me a sandwich!", "asks for no place I know.*go to the top of the other room"),
    ],
)
def test_bad_goals_are_named(goal: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        AGENT.understand(goal, frame(50, 50))  # type: ignore[arg-type]


def test_without_words_a_goal_far_from_all_that_was_recorded_is_refused() -> None:
    with pytest.raises(InputError, match=r"nothing was recorded within 7\.79"):
        understand(MODEL, (112, 150))
    assert MODEL.memory.positions is not None
    metres = Memory(MODEL.memory.latents, MODEL.memory.positions / 100)  # other units: the same places, far as before
    assert metres.far == pytest.approx(MODEL.memory.far / 100)
    with pytest.raises(InputError, match="need a reader"):
        understand(MODEL, "go to the other room", MODEL.memory.latents[0])


def test_a_plan_goes_nearer_and_every_claim_holds() -> None:
    plan = AGENT.plan(frame(50, 60), frame(50, 150), seed=3)
    assert plan.actions.shape == (4, 5, 2)
    assert np.abs(plan.actions).max() <= 1 + 1e-6
    assert plan.positions is not None and plan.frames is not None  # noqa: PT018
    assert plan.positions.shape == (5, 2) and plan.frames.shape == (5, SIZE, SIZE, 3)  # noqa: PT018
    assert plan.to_go[0] == pytest.approx(90 / 12, abs=0.1)  # without the distance's own offset
    assert plan.to_go[-1] < plan.to_go[0] - 3
    here = np.array([[50, 150]], np.float32)
    for action in plan.actions.reshape(-1, 2):
        here = WORLD.step(here, action[None])
    assert plan.positions[-1] == pytest.approx(here[0], abs=0.5)  # actions are in the environment's units
    assert all(claim.holds(plan.positions) for claim in plan.claims)
    assert "up" in [claim.text for claim in plan.claims]
    assert plan.dropped == 0
    assert plan.explanation.startswith("Goal: what the frame shows, the dot in the top of the left room. From the bott")
    again = AGENT.plan(frame(50, 60), frame(50, 150), seed=3)
    assert np.array_equal(again.actions, plan.actions)
    assert not np.array_equal(AGENT.plan(frame(50, 60), frame(50, 150), seed=4).actions, plan.actions)


class Lying(Words):
    """Says that every path goes down."""

    def told(self, path):
        return tuple(replace(claim, text="down", way="down", kind="moves") for claim in super().told(path))


def test_what_does_not_hold_is_not_said() -> None:
    plan = replace(AGENT, words=Lying(WORLD)).plan(frame(50, 60), frame(50, 150))
    assert plan.claims == ()
    assert plan.dropped >= 3
    assert "down" not in plan.explanation


def test_acting_reaches_the_goal_and_says_so() -> None:
    walk = Walk(WORLD, np.array([50.0, 180.0]))
    journey = AGENT.act(walk, frame(60, 60), budget=100)
    assert journey.reached
    assert WORLD.distance([walk.position], [(60, 60)])[0] < 8
    blocks = len(journey.actions)
    assert len(walk.course) == 5 * blocks < 100
    assert len(journey.frames) == len(journey.to_go) == blocks + 1
    assert journey.imagined is not None
    assert np.array_equal(journey.imagined.shape, journey.frames.shape)
    assert journey.positions is not None
    assert journey.positions[:-1] == pytest.approx(walk.path[::5][:-1], abs=0.5)
    assert len(journey.plans) == -(-blocks // 2)
    assert all(claim.holds(journey.positions) for claim in journey.claims)
    assert f"Reached after {blocks} blocks" in journey.explanation
    assert journey.surprises == ()


def test_acting_ends_with_the_budget_and_at_the_goal() -> None:
    walk = Walk(WORLD, np.array([50.0, 180.0]))
    journey = AGENT.act(walk, frame(60, 40), budget=13)
    assert (journey.reached, len(journey.actions), len(walk.course)) == (False, 2, 10)
    assert "Not reached" in journey.explanation
    there = AGENT.act(Walk(WORLD, np.array([50.0, 180.0])), frame(50, 180))
    assert (there.reached, len(there.actions), len(there.plans)) == (True, 0, 0)
    with pytest.raises(InputError, match="a block of 5 steps"):
        AGENT.act(walk, frame(60, 40), budget=4)


class Teleports(Walk):
    """Is put elsewhere once, in the middle of its second block."""

    def act(self, action) -> None:
        super().act(action)
        if len(self.course) == 8:
            self.position = np.array([60, 30], np.float32)


def test_a_teleport_is_a_surprise_and_is_planned_anew() -> None:
    assert AGENT.act(Walk(WORLD, np.array([50.0, 150.0])), (60, 190)).surprises == ()
    journey = replace(AGENT, pilot=replace(PILOT, execute=4)).act(Teleports(WORLD, np.array([50.0, 30.0])), (60, 190))
    assert [odd.block for odd in journey.surprises] == [2]
    assert journey.surprises[0].p < 0.005
    assert "Block 2: not what was imagined (p = 0.001)" in journey.explanation
    assert journey.reached


class Parsed(HTMLParser):
    """Collects images, addresses and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.images += [value or "" for key, value in attrs if key in ("src", "href")]


def test_pages_show_imagined_beside_real_frames_and_load_nothing(tmp_path: Path) -> None:
    journey = AGENT.act(Walk(WORLD, np.array([50.0, 180.0])), frame(60, 100))
    plan = journey.plans[0]
    plan.report(tmp_path / "plan.html")
    journey.report(tmp_path / "deep" / "journey.html")
    plan_frames, blocks = len(plan.actions) + 1, len(journey.actions)
    for path, images in (
        (tmp_path / "plan.html", plan_frames + 2),
        (tmp_path / "deep" / "journey.html", 2 * blocks + 4),
    ):
        text = path.read_text("utf-8")
        parsed = Parsed()
        parsed.feed(text)
        assert len(parsed.images) == images  # strips, the goal's frame, and the one under the way
        assert all(address.startswith("data:image/png;base64,") for address in parsed.images)
        assert "script" not in parsed.tags
        assert all(f"<li>{claim.text}</li>" in text for claim in plan.claims[:1])
    assert "wmagent" in plan._repr_html_()
    assert journey._repr_html_().count("<img") == 2 * (blocks + 1) + 1


def test_pages_escape_what_a_goal_was_understood_as(tmp_path: Path) -> None:
    plan = AGENT.plan(frame(60, 100), frame(50, 180))
    odd = replace(plan, goal=replace(plan.goal, understood="<script>alert(1)</script>"))
    odd.report(tmp_path / "odd.html")
    assert "<script" not in (tmp_path / "odd.html").read_text("utf-8")
    assert "<script" not in odd._repr_html_()


def test_pictures_are_what_was_given(tmp_path: Path) -> None:
    import base64

    image = pytest.importorskip("PIL.Image")
    given = frame(60, 100)
    (tmp_path / "one.png").write_bytes(base64.b64decode(png(given).split(",")[1]))
    assert np.array_equal(np.asarray(image.open(tmp_path / "one.png")), given)


def test_goals_in_words_are_measured_beside_frames() -> None:
    held = collect(WORLD, 40, 3)
    task = tasked(held, 6, 0)
    near = [area.distance([start])[0] for area, start in zip(task.named, task.starts, strict=True)]
    assert min(near) >= WORLD.success
    assert all(area.contains([goal])[0] for area, goal in zip(task.named, task.goals, strict=True))
    assert not set(task.fresh) & set(task.learned)
    quick = Fitting(steps=120, batch=96, keys=200, rate=3e-3, dropout=0.0)
    reader = GoalText.learn(lessons(MODEL, WORLD, 0, count=400), 0, source="learned", fitting=quick)
    found = words(MODEL, held, 6, 0, reader, PILOT)
    assert set(found["success"]) == {"frames", "positions", "words", "words as learned", "shuffled words"}
    assert found["success"]["frames"]["near"]["n"] == 6
    assert found["success"]["frames"]["near"]["share"] > 0.5
    assert found["claims"]["said"] > 20
    expected = 100 * (found["success"]["words"]["near"]["share"] - found["success"]["frames"]["near"]["share"])
    assert found["words_minus_frames_points"] == pytest.approx(expected, abs=0.05)
    assert re.search("floor", " ".join(found["notes"]))
