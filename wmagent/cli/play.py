"""`wmagent play`: a walk through the imagined world, by hand or by lines on stdin. Knows the walk and its tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wmagent.cli.inputs import read_facts
from wmagent.cli.output import Seed, command, note, results, show, show_json
from wmagent.cli.parts import ModelPath, agent_around, open_model
from wmagent.errors import InputError, shortened, unknown

if TYPE_CHECKING:
    from wmagent.agent.walk import Choice, Walk

HELP = """\
At a place: the number or the name of an action shows what it can lead to.
At an action: a number takes that result; an empty line or c lets chance decide.
Anywhere: u takes the last choice back, ? shows this, q stops. So does the end of the input."""


@command
def play(
    path: ModelPath,
    state: Annotated[
        str | None, typer.Option("--state", "-s", metavar="FACTS", help="Where to begin: a JSON file or inline JSON.")
    ] = None,
    goal: Annotated[
        str | None, typer.Option("--goal", "-g", metavar="WORDS", help="Show P(goal) at every place.")
    ] = None,
    world: Annotated[
        str | None, typer.Option("--world", metavar="NAME", help="A true world (name or file) to set beside.")
    ] = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with JSON lines: one object per event.")] = False,
) -> None:
    """Step through the world as the model imagines it: choose actions, see outcomes, go on, take back.

    Without --state it begins where a recorded case began. Choices are lines on stdin, so a walk can be a script.

    Examples:

        wmagent play contracts.wm --goal "get the contract approved within 10 days"

        wmagent play contracts.wm --state facts.json --world contract-approval --seed 3

        printf 'collect documents\\nc\\nq\\n' | wmagent play contracts.wm --json
    """
    if state == "-":
        raise InputError("--state -: stdin holds the choices here; give the facts as a file or inline JSON")
    facts = None if state is None else read_facts(state)
    oracle = None
    if world is not None:
        from wmagent.worlds import load

        oracle = load(world).oracle()
    from wmagent.agent.imagined import ImaginedWorld, recorded_starts
    from wmagent.agent.walk import Walk

    model = open_model(path)
    agent = agent_around(model) if goal is not None else None
    wanted = agent.understand(goal) if agent is not None and goal is not None else None
    imagined = ImaginedWorld(model, recorded_starts(model) if facts is None else (facts,))
    ask = None if agent is None else lambda goal, facts: agent.plan(goal, facts, seed=seed)
    _Player(Walk(imagined, wanted, ask, oracle, seed), as_json).run()


class _Player:
    """Asks for choices and shows where they lead."""

    def __init__(self, walk: Walk, as_json: bool) -> None:
        self.walk, self.as_json = walk, as_json
        self.script = sys.stdin is None or not sys.stdin.isatty()
        self.lines = 0

    def run(self) -> None:
        """Go on until the input ends or says q."""
        chosen: Choice | None = None
        self._show(chosen)
        while (said := self._line(chosen)) not in (None, "q", "quit"):
            try:
                chosen, moved = self._follow(said or "", chosen)
            except InputError as error:
                if self.script:  # the lines after a wrong one would be read at the wrong place
                    raise InputError(f"line {self.lines} of the choices: {error}") from None
                note(str(error))
                continue
            if moved:
                self._show(chosen)

    def _follow(self, said: str, chosen: Choice | None) -> tuple[Choice | None, bool]:
        """Return the action that is open for a result after this line, and whether there is something new to show."""
        if said in ("?", "h", "help"):
            self._tell({"event": "help", "text": HELP}, HELP)
            return chosen, False
        if said in ("u", "undo"):
            if chosen is None:
                self.walk.back()
            return None, True
        if chosen is None:
            return self._choice(said), True
        count = len(chosen.results)
        if said not in ("", "c", "chance") and not (said.isdecimal() and 1 <= int(said) <= count):
            raise InputError(f"{shortened(said)!r} is no result; give 1 to {count}, c for chance, u to go back")
        result = self.walk.go(chosen, int(said) - 1 if said.isdecimal() else None)
        self._happened(chosen, result)
        return None, True

    def _choice(self, said: str) -> Choice:
        choices = self.walk.place.choices
        if said.isdecimal() and 1 <= int(said) <= len(choices):
            return choices[int(said) - 1]
        named = {choice.action.label(): choice for choice in choices}
        if said in named:
            return named[said]
        if not choices:
            raise InputError("nothing is allowed here any more; u takes the last step back, q stops")
        raise unknown("choice", said, named, f"Or give 1 to {len(choices)}, u to take back, ? for help, q to stop")

    def _line(self, chosen: Choice | None) -> str | None:
        """Return the next choice, None at the end of the input."""
        prompt = f"{'action' if chosen is None else 'result'}> "
        if not self.as_json:
            results().print(prompt, end="", markup=False)
        line = sys.stdin.readline() if sys.stdin is not None else ""
        self.lines += 1
        said = line.strip() if line else None
        if self.script and not self.as_json:
            show(said or "")
        return said

    def _show(self, chosen: Choice | None) -> None:
        from wmagent.cli.play_views import choice_view, place_view
        from wmagent.domain.answers import plain

        if self.as_json:
            what = (
                {"event": "place", **plain(self.walk.place)} if chosen is None else {"event": "action", **plain(chosen)}
            )
            show_json(what)
        else:
            compared = self.walk.oracle is not None
            show(place_view(self.walk.place, self.walk.goal) if chosen is None else choice_view(chosen, compared))

    def _happened(self, choice: Choice, result: Any) -> None:
        from wmagent.domain.answers import plain
        from wmagent.report.wording import changes

        event = {"event": "result", "action": choice.action.label(), **plain(result)}
        self._tell(event, f"{choice.action.label()}: {changes(result.changes)}")

    def _tell(self, event: dict[str, Any], text: str) -> None:
        if self.as_json:
            show_json(event)
        else:
            show(text)
