"""What the tools of an event log's model are asked about its cases. Knows plain data; must not know models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from wmagent.service.questions import Hours, Limited, Name, Question

Case = Annotated[
    str, StringConstraints(min_length=1, max_length=300), Field(description="The case's id in the event log.")
]
After = Annotated[int | None, Field(ge=1, description="Ask as after the first so many events. Default: all of them.")]
Reach = Annotated[
    Name | None, Field(description="The activity that should happen; * matches several. Default: the end of the case.")
]
CHANGES = ("do", "skip", "insert", "swap", "wait")


class CaseQuestion(Limited):
    """A question about a case and what should become of it."""

    case: Case
    reach: Reach = None
    within: Hours | None = Field(default=None, description="It should happen within so many hours.")
    after: After = None


class CasePlanQuestion(CaseQuestion):
    """Which decisions should be taken next?"""

    objective: Literal["likely", "fast", "cheap"] = "likely"
    costs: Annotated[dict[Name, Annotated[float, Field(ge=0, le=1e12)]], Field(max_length=200)] = Field(
        default={}, description="Of decisions by activity, 1 unless given."
    )
    wait: Hours = Field(default=24.0, description="How many hours waiting takes, as an option.")
    steps: int = Field(default=3, ge=1, le=5, description="How many decisions, at most.")


class Inserted(Question):
    """An activity after so many events of the case."""

    activity: Name
    place: int = Field(ge=1)


class CaseWhatIfQuestion(CaseQuestion):
    """What becomes of a case if something is otherwise? Say one change."""

    do: Name | None = Field(default=None, description="Do this activity next.")
    skip: Name | None = Field(default=None, description="The next event is not this.")
    insert: Inserted | None = None
    swap: tuple[Name, Name] | None = Field(default=None, description="Two neighbouring events change places.")
    wait: Hours | None = Field(default=None, description="Decide nothing for so many hours.")
    force: bool = Field(default=False, description="Give a number even where the record says nothing.")

    @model_validator(mode="after")
    def _one_change(self) -> CaseWhatIfQuestion:
        if sum(getattr(self, name) is not None for name in CHANGES) != 1:
            raise ValueError(f"say one change: {', '.join(CHANGES)}")
        return self


class CasePredictQuestion(Question):
    """What comes next in a case, and when does it end?"""

    case: Case


class CaseAnomalyQuestion(Question):
    """Is anything odd about a case?"""

    case: Case


class ProcessQuestion(Question):
    """What does the model know?"""

    about: Name | None = Field(default=None, description="Only activities whose names contain this. Default: all.")
