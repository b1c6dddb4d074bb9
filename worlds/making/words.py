"""Words that made-up workflows are told in: subjects, stages, attributes, checks, and their paraphrases.

Knows words only; what is made of them is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

Paraphrased = tuple[str, tuple[str, ...]]  # a name, and other ways to say it


@dataclass(frozen=True)
class Kind:
    """A kind of check: its three values (open, good, bad), and how its actions are said; `{x}` is the check.

    `ways` are the plain, the hasty, the careful and the outside way to do it; each has a name and paraphrases.
    """

    values: tuple[Paraphrased, Paraphrased, Paraphrased]
    ways: tuple[Paraphrased, Paraphrased, Paraphrased, Paraphrased]
    rework: Paraphrased


EXAMINATION = Kind(
    values=(
        ("not started", ("still to be done", "not done yet")),
        ("passed", ("successful", "without findings")),
        ("failed", ("unsuccessful", "with findings")),
    ),
    ways=(
        ("do the {x}", ("carry out the {x}", "perform the {x}")),
        ("quick {x}", ("hurried {x}", "{x} in short form")),
        ("thorough {x}", ("careful {x}", "{x} in depth")),
        ("outsource the {x}", ("give the {x} to a contractor", "have the {x} done outside")),
    ),
    rework=("fix the findings of the {x}", ("mend what the {x} found", "repair after the {x}")),
)
CONSENT = Kind(
    values=(
        ("not asked", ("not requested yet", "still to be asked for")),
        ("granted", ("given", "agreed to")),
        ("refused", ("denied", "turned down")),
    ),
    ways=(
        ("ask for the {x}", ("request the {x}", "seek the {x}")),
        ("press for the {x}", ("urge the {x}", "push for the {x}")),
        ("prepare and ask for the {x}", ("make the case for the {x}", "ask for the {x} with full grounds")),
        ("let a partner obtain the {x}", ("get the {x} through a partner", "have an agent obtain the {x}")),
    ),
    rework=("settle the objections to the {x}", ("answer the objections to the {x}", "talk the {x} over")),
)
PAPER = Kind(
    values=(
        ("missing", ("not written yet", "absent")),
        ("complete", ("finished", "in full")),
        ("faulty", ("full of mistakes", "wrong")),
    ),
    ways=(
        ("prepare the {x}", ("write the {x}", "work out the {x}")),
        ("sketch the {x}", ("dash off the {x}", "rough out the {x}")),
        ("prepare the {x} with care", ("work out the {x} in detail", "write the {x} diligently")),
        ("buy in the {x}", ("order the {x} outside", "have the {x} written by a consultant")),
    ),
    rework=("correct the {x}", ("revise the {x}", "go over the {x} again")),
)

SUBJECTS: tuple[Paraphrased, ...] = (
    ("order", ("purchase", "commission")),
    ("request", ("inquiry", "petition")),
    ("project", ("undertaking", "venture")),
    ("application", ("submission", "filing")),
    ("shipment", ("delivery", "consignment")),
    ("claim", ("demand", "complaint")),
    ("installation", ("setup", "fitting")),
    ("event booking", ("reservation", "event order")),
)
STAGES: tuple[Paraphrased, ...] = (
    ("intake", ("registration", "reception")),
    ("preparation", ("groundwork", "getting ready")),
    ("examination", ("scrutiny", "assessment")),
    ("coordination", ("alignment", "arrangement")),
    ("execution", ("implementation", "carrying out")),
    ("handover", ("delivery to the customer", "transfer")),
)
COMPLETED: Paraphrased = ("completed", ("finished", "brought to its end"))
CANCELLED: Paraphrased = ("cancelled", ("called off", "dropped"))

# name, paraphrases, the easy value, the hard value
ATTRIBUTES: tuple[tuple[str, tuple[str, ...], Paraphrased, Paraphrased], ...] = (
    ("complexity", ("difficulty", "level of difficulty"), ("simple", ("easy",)), ("complex", ("complicated",))),
    ("partner", ("counterpart", "other side"), ("known", ("familiar",)), ("new", ("unfamiliar",))),
    ("region", ("area", "territory"), ("domestic", ("national",)), ("foreign", ("abroad",))),
    ("scope", ("extent", "coverage"), ("narrow", ("limited",)), ("wide", ("broad",))),
    ("season", ("time of year", "period"), ("quiet", ("calm",)), ("busy", ("hectic",))),
)

CHECKS: tuple[tuple[str, tuple[str, ...], Kind], ...] = (
    ("quality check", ("quality inspection", "check of the quality"), EXAMINATION),
    ("safety inspection", ("safety check", "inspection for hazards"), EXAMINATION),
    ("technical review", ("engineering review", "technical examination"), EXAMINATION),
    ("test run", ("trial run", "rehearsal"), EXAMINATION),
    ("site visit", ("visit on site", "on-the-spot inspection"), EXAMINATION),
    ("identity check", ("proof of identity", "check of who it is"), EXAMINATION),
    ("credit check", ("solvency check", "check of creditworthiness"), EXAMINATION),
    ("budget approval", ("release of the money", "approval of the spending"), CONSENT),
    ("customer consent", ("client agreement", "agreement of the customer"), CONSENT),
    ("privacy clearance", ("data protection clearance", "consent of the privacy officer"), CONSENT),
    ("works council consent", ("staff council agreement", "agreement of the employees' council"), CONSENT),
    ("supplier confirmation", ("vendor confirmation", "promise of the supplier"), CONSENT),
    ("cost estimate", ("calculation of costs", "price forecast"), PAPER),
    ("risk analysis", ("risk assessment", "study of the risks"), PAPER),
    ("delivery plan", ("delivery schedule", "plan of deliveries"), PAPER),
    ("contract draft", ("draft agreement", "draft of the contract"), PAPER),
    ("user manual", ("handbook", "operating instructions"), PAPER),
    ("staffing plan", ("personnel plan", "plan of who works when"), PAPER),
)

RESOURCES: tuple[Paraphrased, ...] = (
    ("test bench", ("testing rig", "measuring station")),
    ("service vehicle", ("van", "company car")),
    ("meeting room", ("conference room", "boardroom")),
    ("booking system", ("booking software", "planning system")),
)
ROLES = ("clerk", "specialist", "coordinator", "engineer", "team lead")
