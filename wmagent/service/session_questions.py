"""What planning sessions are asked and tell: pydantic models with limits on everything. Knows plain data; must not know
models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from wmagent.service.answers import Answer, Decision
from wmagent.service.questions import Limited, Question, State, Value, Words

MOST_STEPS = 100
Key = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Place = Literal["rehearsal", "reported"]
Status = Literal[
    "running", "waiting", "reached", "declined", "hopeless", "ended", "exhausted", "outside"
]  # as an Episode's; running: broken off, an empty answer goes on


class BeginQuestion(Limited):
    """Begin to plan and act towards a goal, asking before what is done."""

    goal: Words = Field(description="What should become true, in words, such as 'approved within 5 days'.")
    state: State
    environment: Place = Field(
        default="rehearsal",
        description="rehearsal: what is agreed to happens as the model imagines it, by the seed. reported: you do it "
        "and report the facts after it.",
    )
    ask: Literal["step", "plan"] = Field(
        default="step", description="step: before every step. plan: once, and again before anything not yet agreed to."
    )
    max_steps: int = Field(default=30, ge=1, le=MOST_STEPS)


class Report(Question):
    """What really came of an action."""

    happened: bool = True
    facts: State | None = Field(default=None, description="All facts after it; needed if it happened.")
    hours: float = Field(default=0.0, ge=0, le=1e6, allow_inf_nan=False, description="How long it took.")
    cost: float = Field(default=0.0, ge=-1e12, le=1e12, allow_inf_nan=False)
    closed: bool = Field(default=False, description="The case is closed: nothing more can be done in it.")
    why_not: Words | None = Field(default=None, description="If it did not happen: what kept it from happening.")
    beyond: bool = Field(
        default=False, description="The facts are really so, though the model knows no such facts: the session ends."
    )

    @model_validator(mode="after")
    def _whole(self) -> Report:
        if self.happened and self.facts is None:
            raise ValueError("give the facts after it, or happened: false")
        if self.happened and self.why_not is not None:
            raise ValueError("why_not is for what did not happen")
        return self


class AnswerQuestion(Question):
    """Answer a session's question. Empty: go on where thinking was broken off."""

    approve: bool | None = Field(default=None, description="Of a question of kind approve. False ends the session.")
    report: Report | None = Field(default=None, description="Of a question of kind report.")
    to: Key | None = Field(default=None, description="The question's id: refused when the session asks another one.")
    key: Key | None = Field(default=None, description="Chosen by you: an answer sent again with it changes nothing.")
    seconds: float = Field(default=30.0, gt=0, le=120, description="The call is given up after so long.")

    @model_validator(mode="after")
    def _one_of_both(self) -> AnswerQuestion:
        if self.approve is not None and self.report is not None:
            raise ValueError("approve or report, not both")
        if self.approve is None and self.report is None and (self.key is not None or self.to is not None):
            raise ValueError("an empty answer goes on with thinking; to and key come with approve or report")
        return self


class Asked(Answer):
    """What a session waits for: whether it may go on (`approve`), or what came of an action (`report`)."""

    id: str
    kind: Literal["approve", "report"]
    text: str
    action: str = Field(description="The step that is asked about.")
    actions: list[str] = Field(default=[], description="All that would be agreed to.")
    because: str = Field(default="", description="The plan in words; every claim was checked.")


class Done(Answer):
    """A step that was done."""

    action: str
    changes: list[str]
    hours: float
    cost: float
    error: str | None = Field(default=None, description="Why it was refused.")


class Session(Answer):
    """How a session stands."""

    id: str
    goal: str
    environment: Place
    status: Status
    question: Asked | None = None
    decision: Decision | None = Field(default=None, description="The plan it follows, in short.")
    facts: dict[str, Value]
    steps: list[Done] = Field(default=[])
    hours: float = 0.0
    cost: float = 0.0
    note: str = ""


class SessionLine(Answer):
    """A session in a list."""

    id: str
    goal: str
    environment: Place
    status: Status
    steps: int
    begun: float = Field(description="Seconds since 1970.")


class SessionList(Answer):
    """The newest sessions first."""

    sessions: list[SessionLine]
    left_out: int = 0
