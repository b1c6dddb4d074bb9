"""The tools that every surface offers: short decisions, ids to ask more by, limits, stopping, bad arguments."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.served import GOAL, PLAN, SKIPPED, loans_box, review_box, review_folder
from wmagent import Agent, WorldModel
from wmagent.agent.doubles import REVIEW_START
from wmagent.errors import CheckpointError, InputError
from wmagent.service.answers import Explained
from wmagent.service.opening import open_toolbox
from wmagent.service.questions import PredictQuestion
from wmagent.service.schemas import openai_tools
from wmagent.service.tools import Answered, Stopped, Tool, Toolbox, Watch
from wmagent.service.turns import Turns


def ask(name: str, **arguments: Any) -> dict[str, Any]:
    return review_box().call(name, arguments).model_dump(mode="json")


def test_a_plan_is_the_agents_as_a_decision() -> None:
    plan = Agent(WorldModel.load(review_folder())).plan(GOAL, REVIEW_START)
    told = ask("plan", **PLAN)
    assert told["decision"] == "act"
    assert told["plan"] == [action.label() for action in plan.actions]
    assert told["action"] == told["plan"][0]
    assert told["probability"] == round(plan.probability, 4)
    assert told["risk"] == round(1 - plan.interval[0], 4)


def test_beyond_what_is_known_it_abstains_and_where_the_goal_holds_it_is_done() -> None:
    strange = ask("plan", goal=GOAL, state={**REVIEW_START, "status": "on fire"})
    assert strange["decision"] == "abstain"
    assert "on fire" in strange["because"]
    assert strange["probability"] is None
    assert ask("plan", goal="approved", state={**REVIEW_START, "status": "approved"})["decision"] == "done"
    assert ask("plan", goal="status == approved within 1 minute", state=dict(REVIEW_START))["decision"] == "impossible"


def test_a_what_if_says_whether_it_is_better() -> None:
    told = ask("what_if", **SKIPPED)
    assert told["decision"] == "worse"
    assert told["probability"] < told["baseline"]
    assert "as they stand" in told["because"]  # as fixed courses; the plan's own number is of replanning
    assert told["support"] in ("observed", "interpolated")
    strange = {**REVIEW_START, "hold": "on fire"}
    assert ask("what_if", state=strange, until=GOAL, skip=["legal review"])["decision"] == "abstain"


def test_what_an_action_leads_to() -> None:
    told = ask("predict", state=dict(REVIEW_START), action="submit")
    (submit,) = told["actions"]
    assert submit["action"] == "submit"
    assert submit["allowed"] > 0.9
    assert "status: draft → in review" in submit["outcomes"][0]["changes"]
    every = ask("predict", state=dict(REVIEW_START))
    assert "submit" in [one["action"] for one in every["actions"]]


def test_an_odd_step_is_told_from_a_usual_one() -> None:
    before = dict(REVIEW_START)
    usual = ask("check_anomaly", before=before, action="submit", after={**before, "status": "in review"})
    odd = ask("check_anomaly", before=before, action="submit", after={**before, "status": "approved"})
    stranger = ask("check_anomaly", before=before, action="burn it", after=before)
    assert (usual["decision"], odd["decision"], stranger["decision"]) == ("usual", "odd", "odd")
    assert odd["odd"][0]["fact"] == "status"
    assert "burn it" in stranger["because"]


def test_more_is_told_by_id_and_the_same_question_has_the_same() -> None:
    first, again = ask("plan", **PLAN), ask("plan", **PLAN, seed=0)
    assert first == again
    other = ask("plan", **PLAN, seed=1)
    assert other["id"] != first["id"]
    for about in ("all", "steps", "evidence", "alternatives"):
        assert ask("explain", id=first["id"], about=about)["text"]
    assert "submit" in ask("explain", id=first["id"])["text"]
    assert "recorded steps like it" in ask("explain", id=first["id"], about="evidence")["text"]
    with pytest.raises(InputError, match="ask the question again"):
        ask("explain", id="plan-000000000000")


def test_the_world_is_described() -> None:
    world = ask("describe_world")
    assert world["facts"]["status"] == sorted(world["facts"]["status"])
    assert "submit" in world["actions"]
    assert ask("describe_world", about="legal")["facts"].keys() == {"legal review"}


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("plam", {}, "did you mean 'plan'"),
        ("plan", {"goal": GOAL}, "state: Field required"),
        ("plan", {**PLAN, "colour": 1}, "colour"),
        ("plan", {**PLAN, "state": {}}, "state"),
        ("plan", {**PLAN, "state": {"status": ["draft"]}}, "state.status"),
        ("plan", {**PLAN, "state": {"status": float("nan")}}, "state.status"),
        ("plan", {**PLAN, "simulations": 10**9}, "simulations"),
        ("plan", {**PLAN, "goal": "x" * 501}, "goal"),
        ("plan", {**PLAN, "goal": "painted green"}, "painted green"),
        ("plan", {**PLAN, "actions": ["fly"]}, "fly"),
        ("what_if", {"state": dict(REVIEW_START), "until": GOAL}, "intervention|change|say"),
        ("what_if", {**SKIPPED, "facts": {"hold": "on fire"}}, "on fire"),
        ("what_if", {**SKIPPED, "skip": None, "delay": {"action": "submit"}}, "hours"),
        ("predict", {"state": dict(REVIEW_START), "action": "fly"}, "fly"),
        ("explain", {"id": "../../secrets"}, "id"),
    ],
)
def test_bad_arguments_say_what_to_write_instead(tool: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        review_box().call(tool, arguments)


def test_a_call_can_be_watched_and_stopped() -> None:
    seen: list[int] = []
    review_box().call("plan", {**PLAN, "seed": 7}, Watch(progress=lambda imagined, most: seen.append(imagined)))
    assert seen == sorted(seen)
    assert seen[-1] > 0
    watch = Watch(progress=lambda imagined, most: watch.stop.set())
    with pytest.raises(Stopped, match="caller"):
        review_box().call("plan", {**PLAN, "seed": 8}, watch)
    with pytest.raises(Stopped, match="longer"):
        review_box().call("what_if", {**SKIPPED, "seconds": 0.01, "seed": 72})


def test_a_waiting_call_stops_at_its_end_and_does_not_block_others() -> None:
    box, begun, go_on = review_box(), threading.Event(), threading.Event()

    def hold(imagined: int, most: int) -> None:
        begun.set()
        go_on.wait(30)

    slow = threading.Thread(target=lambda: box.call("plan", {**PLAN, "seed": 21}, Watch(progress=hold)))
    slow.start()
    assert begun.wait(30)
    with pytest.raises(Stopped):
        box.call("plan", {**PLAN, "seed": 22}, Watch(until=time.monotonic() + 0.2))
    go_on.set()
    slow.join(60)
    assert box.call("plan", {**PLAN, "seed": 22}).model_dump()["decision"] == "act"


def test_cases_of_an_event_log_have_the_same_tools() -> None:
    box = loans_box()
    world = box.call("describe_world", {}).model_dump()
    assert any(name.startswith("grant (") for name in world["actions"])
    told = box.call("what_if", {"case": "c1", "after": 2, "do": "decide", "reach": "grant"}).model_dump()
    assert told["decision"] in ("better", "worse", "same", "abstain")
    assert told["baseline"] is not None
    assert "cases in such a state" in box.call("explain", {"id": told["id"]}).model_dump()["text"]
    assert box.call("predict", {"case": "c1"}).model_dump()["decision"] in ("told", "over")
    assert box.call("check_anomaly", {"case": "c1"}).model_dump()["decision"] in ("usual", "odd")
    plan = box.call("plan", {"case": "c1", "after": 2, "reach": "grant"}).model_dump()
    assert plan["decision"] in ("act", "abstain")
    assert "activities" in box.documents["ownership"].read()
    with pytest.raises(InputError, match="unknown case"):
        box.call("predict", {"case": "nobody"})
    with pytest.raises(InputError, match="say one change"):
        box.call("what_if", {"case": "c1"})


@pytest.mark.parametrize(("name", "change"), [("plan", {}), ("what_if", {"do": "decide"})])
def test_questions_about_cases_can_be_watched_and_stopped(name: str, change: dict[str, Any]) -> None:
    asked, seen = {"case": "c4", "after": 2, "reach": "grant", **change}, list[int]()
    watch = Watch(progress=lambda imagined, most: seen.append(imagined))
    loans_box().call(name, asked, watch)
    assert seen[-1] == watch.imagined > 0
    stopping = Watch(progress=lambda imagined, most: stopping.stop.set() if imagined else None)
    with pytest.raises(Stopped, match="caller"):
        loans_box().call(name, {**asked, "seed": 1}, stopping)


def test_schemas_are_closed() -> None:
    for tool in openai_tools(review_box()):
        assert tool["function"]["parameters"]["additionalProperties"] is False
        assert tool["function"]["description"]


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no learned model"):
        open_toolbox(tmp_path)


def test_what_is_kept_for_the_next_question_changes_no_answer() -> None:
    agent, kept = (Agent(WorldModel.load(review_folder()), keep=keep) for keep in (0, 4))
    for change in ({"skip": "legal review"}, {"do": "submit"}, {"insert": "negotiate"}, {"skip": "legal review"}):
        alone, beside = (
            one.what_if(REVIEW_START, until=GOAL, **change)  # type: ignore[arg-type]
            for one in (agent, kept)
        )
        assert replace(beside, imagined=0, milliseconds=0.0) == replace(alone, imagined=0, milliseconds=0.0)


def test_one_answer_serves_all_who_wait_for_it() -> None:
    runs, begun = list[int](), threading.Event()

    def run(question: Any, key: str) -> Answered:
        begun.set()
        time.sleep(0.2)
        runs.append(1)
        return Answered(Explained(id=key, text="once"))

    box = Toolbox("slow", (Tool("predict", "", PredictQuestion, Explained, run),), (), "1")
    asking = [threading.Thread(target=box.call, args=("predict", {"state": dict(REVIEW_START)})) for _ in range(8)]
    for thread in asking:
        thread.start()
    assert begun.wait(10)
    for thread in asking:
        thread.join(30)
    assert len(runs) == 1


def test_a_question_that_cannot_be_answered_is_worked_on_once() -> None:
    runs = 0

    def refuse(question: PredictQuestion, key: str) -> Answered:
        nonlocal runs
        runs += 1
        raise InputError("it cannot be done then")

    box = Toolbox("t", (Tool("predict", "", PredictQuestion, Explained, refuse),), (), "v")
    for _ in range(3):
        with pytest.raises(InputError, match="it cannot be done then"):
            box.call("predict", {"state": {"a": 1}})
    assert runs == 1


def test_turns_are_taken_in_the_order_of_coming_and_given_back_by_who_gives_up() -> None:
    turns, served, gate = Turns(1), list[int](), threading.Event()

    def come(number: int) -> None:
        with turns.turn(lambda: None):
            served.append(number)

    def give_up() -> None:
        raise Stopped("enough")

    with turns.turn(lambda: None):
        waiting = []
        for number in range(6):
            waiting.append(threading.Thread(target=come, args=(number,)))
            waiting[-1].start()
            time.sleep(0.03)
        with pytest.raises(Stopped), turns.turn(give_up):
            gate.set()
    for thread in waiting:
        thread.join(10)
    assert served == list(range(6))
    assert not gate.is_set()
