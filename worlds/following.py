"""Follows probability forward through a world: the exact worth of an open plan and of a policy.

Knows coded states, branches and limits; knows no facts, no goals as objects and no search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wmagent.domain.world import Truth
from wmagent.errors import InputError
from wmagent.worlds.conditions import Check, State
from wmagent.worlds.machine import Branch

Place = tuple[State, int, float]  # state, time steps elapsed, money spent (0 where nothing limits it)
Open = dict[Place, float]  # the probability of being at each place and not yet stopped
_REST = 1e-12  # probability that may stay open
_ROUNDS = 256  # without time passing, before asking whether anything is caught in a circle
TOO_LARGE = "ask wmagent.worlds.truth(world), which samples with intervals where a world is too large"
_MAX_WORK = 5_000_000  # places followed for one policy


@dataclass
class Walk:
    """One walk towards one goal; adds up what arrives, how long it takes and what it costs.

    `deadline` is in time steps. Without one, elapsed time is not told apart.
    """

    branches: Callable[[State, int], Sequence[Branch]]
    steps: Callable[[float], int]
    reached: Check
    violated: Check | None
    deadline: float | None
    limit: float | None
    probability: float = 0.0
    hours: float = 0.0
    cost: float = 0.0

    def begin(self, state: State) -> Open:
        """Return the first places that are still open."""
        ahead: Open = {}
        self._arrive((state, 0, 0.0), 1.0, ahead)
        return ahead

    def act(self, place: Place, move: int, mass: float, ahead: Open) -> None:
        """Do an allowed action at one place and add the places that stay open to `ahead`."""
        for after, part, hours, cost in self._results(place, move):
            self.hours += mass * part * hours
            self.cost += mass * part * cost
            self._arrive(after, mass * part, ahead)

    def stays_open(self, place: Place, move: int) -> tuple[list[Place], bool]:
        """Return the open places an action leads to without time passing, and whether it can lead anywhere else."""
        results = self._results(place, move)
        inside = [after for after, *_ in results if after[1] == place[1] and self._verdict(after) is None]
        return inside, len(inside) < len(results)

    def truth(self) -> Truth:
        """Return what was added up."""
        return Truth(min(self.probability, 1.0), self.hours, self.cost)

    def _results(self, place: Place, move: int) -> list[tuple[Place, float, float, float]]:
        state, elapsed, spent = place
        found = []
        for chance, after, hours, cost, _ in self.branches(state, move):
            time = 0 if self.deadline is None else elapsed + self.steps(hours)
            paid = 0.0 if self.limit is None else spent + cost
            found.append(((after, time, paid), chance, hours, cost))
        return found

    def _verdict(self, place: Place) -> bool | None:
        """Return whether the goal is reached here (True), can no longer be (False), or neither."""
        state, elapsed, spent = place
        if self.deadline is not None and elapsed > self.deadline:
            return False
        if (self.limit is not None and spent > self.limit) or (self.violated is not None and self.violated(state)):
            return False
        return True if self.reached(state) else None

    def _arrive(self, place: Place, mass: float, ahead: Open) -> None:
        verdict = self._verdict(place)
        if verdict is None:
            ahead[place] = ahead.get(place, 0.0) + mass
        elif verdict:
            self.probability += mass


def follow_plan(walk: Walk, start: State, moves: Sequence[int], legal: Callable[[State], Sequence[int]]) -> Truth:
    """Return the worth of an open plan: every action is done where it is legal then, and skipped where not."""
    places = walk.begin(start)
    for move in moves:
        ahead: Open = {}
        for place, mass in places.items():
            if move in legal(place[0]):
                walk.act(place, move, mass, ahead)
            else:
                ahead[place] = ahead.get(place, 0.0) + mass
        places = ahead
    return walk.truth()


def follow_policy(walk: Walk, start: State, choose: Callable[[State, int], int | None]) -> Truth:
    """Return the worth of a policy; `choose(state, time steps elapsed)` gives a legal move or None to stop."""
    waiting: dict[int, Open] = {0: walk.begin(start)}
    choices: dict[tuple[State, int], int | None] = {}
    work = 0
    caught = False

    def move_at(place: Place) -> int | None:
        key = place[:2]
        if key not in choices:
            choices[key] = choose(*key)
        return choices[key]

    while waiting:  # the earliest places first, so that each is followed once with all its probability
        now = min(waiting)
        places = waiting.pop(now)
        rounds = 0
        while places and math.fsum(places.values()) > _REST:
            rounds += 1
            work += len(places)
            if work > _MAX_WORK:
                raise InputError(f"this policy takes too long to follow exactly; set a deadline, or {TOO_LARGE}")
            if rounds % _ROUNDS == 0:
                circle = _circles(walk, places, move_at)
                caught = caught or bool(circle)
                places = {place: mass for place, mass in places.items() if place not in circle}
            ahead: Open = {}
            for place, mass in places.items():
                move = move_at(place)
                if move is not None:
                    walk.act(place, move, mass, ahead)
            places = {place: mass for place, mass in ahead.items() if place[1] == now}
            for place, mass in ahead.items():
                if place[1] != now:
                    later = waiting.setdefault(place[1], {})
                    later[place] = later.get(place, 0.0) + mass
    truth = walk.truth()
    return Truth(truth.probability, math.inf, math.inf) if caught else truth


def _circles(walk: Walk, places: Open, move_at: Callable[[Place], int | None]) -> set[Place]:
    """Return the places from which the policy never gets out, stops or lets time pass."""
    into: dict[Place, list[Place]] = {place: [] for place in places}
    leaving: list[Place] = []
    queue = list(places)
    for place in queue:  # grows while it is walked
        move = move_at(place)
        if move is None:
            leaving.append(place)
            continue
        inside, leaves = walk.stays_open(place, move)
        if leaves:
            leaving.append(place)
        for after in inside:
            if after not in into:
                into[after] = []
                queue.append(after)
            into[after].append(place)
    free: set[Place] = set()
    while leaving:
        place = leaving.pop()
        if place not in free:
            free.add(place)
            leaving.extend(into[place])
    return set(into) - free
