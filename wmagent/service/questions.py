"""What tools are asked: pydantic models with limits on everything. Knows plain data; must not know models.

The descriptions are what a language model reads when it chooses a tool and its arguments.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from wmagent.errors import MOST_SEED

Words = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Whole = Annotated[int, Field(ge=-(10**15), le=10**15)]
Value = bool | Whole | Number | Annotated[str, StringConstraints(max_length=2_000)]
State = Annotated[
    dict[Name, Value],
    Field(min_length=1, max_length=1_000, description="Current facts, key to value. See describe_world for the keys."),
]
Hours = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Labels = Annotated[list[Name], Field(min_length=1, max_length=50)]


class Question(BaseModel):
    """A question; unknown arguments are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limited(Question):
    """A question whose answer takes thought, within limits."""

    seed: int = Field(default=0, ge=0, le=MOST_SEED, description="Same question and seed, same answer.")
    seconds: float = Field(default=30.0, ge=0.01, le=120, description="Thinking is given up after so long.")


class PlanQuestion(Limited):
    """What should be done to get there?"""

    goal: Words = Field(description="What should become true, in words, such as 'approved within 5 days'.")
    state: State
    actions: Labels | None = Field(default=None, description="Only these actions may be planned. Default: all.")
    simulations: int = Field(default=6_000, ge=1, le=50_000, description="How many steps may be imagined.")


class Delay(Question):
    """Do an action later: some hours, or after another action."""

    action: Name
    hours: Hours | None = None
    after: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Delay:
        if (self.hours is None) == (self.after is None):
            raise ValueError("give hours, or the action to come after")
        return self


class WhatIfQuestion(Limited):
    """What becomes of the goal if something is otherwise? Say one of the changes (facts and rules may be added)."""

    state: State
    until: Words = Field(description="What should become true, in words.")
    do: Labels | None = Field(default=None, description="Do these now, then go on with the plan.")
    actions: Labels | None = Field(default=None, description="Do exactly these, in order, and nothing else.")
    skip: Labels | None = Field(default=None, description="Leave these actions out.")
    insert: Name | None = Field(default=None, description="Do this action too, where it is best.")
    swap: tuple[Name, Name] | None = Field(default=None, description="Exchange these two steps of the plan.")
    replace: tuple[Name, Name] | None = Field(default=None, description="Do the second in place of the first.")
    delay: Delay | None = None
    facts: State | None = Field(default=None, description="Start with these facts instead.")
    rules: dict[Name, Words] | Words | None = Field(default=None, description="Let a rule read otherwise.")
    policy: Words | None = Field(default=None, description="'ACTION whenever CONDITION; otherwise as planned'.")
    by: Annotated[list[Hours], Field(max_length=10)] = Field(default=[], description="Also say P(done by) these hours.")
    force: bool = Field(default=False, description="Give a number even where the record says nothing.")

    def changes(self) -> dict[str, Any]:
        """Return what is otherwise, as the agent's `what_if` takes it."""
        named = ("do", "actions", "skip", "insert", "swap", "replace", "facts", "rules", "policy")
        found = {name: given for name in named if (given := getattr(self, name)) is not None}
        if self.delay is not None:
            late = self.delay
            found["delay"] = (late.action, "after", late.after) if late.after else (late.action, late.hours)
        return found


class PredictQuestion(Limited):
    """What happens right after an action?"""

    state: State
    action: Name | None = Field(default=None, description="One action. Default: every allowed action, likeliest first.")


Id = Annotated[str, StringConstraints(pattern=r"^[a-z_]+-[0-9a-f]{12}$"), Field(description="An answer's id.")]


class KeptQuestion(Question):
    """The whole of an earlier answer."""

    id: Id


class ExplainQuestion(Question):
    """More about an earlier answer."""

    id: Id
    about: Literal["all", "steps", "evidence", "alternatives", "contingencies"] = "all"


class AnomalyQuestion(Question):
    """Is what happened what was to be expected?"""

    before: State
    action: Name
    after: State
    alpha: float = Field(default=0.01, gt=0, lt=1, description="How many of usual steps may be flagged.")


class WorldQuestion(Question):
    """What does the model know?"""

    about: Words | None = Field(default=None, description="Only facts and actions with this in their names.")
