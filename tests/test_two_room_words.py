"""Two-Room in words: areas cover the rooms, sentences mean them, and a path that is told wrongly is caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wmagent.errors import InputError
from wmagent.worlds.two_room import (
    FRESH,
    HELD,
    LEARNED,
    Area,
    Expert,
    TwoRoom,
    Walk,
    Wording,
    Words,
    areas,
    checked,
    collect,
    coordinates,
    named,
    place,
    sentences,
    told,
)

WORLD = TwoRoom()
KNOWN = {area.name: area for area in areas(WORLD)}


def test_every_free_position_is_in_one_area_of_each_fineness_or_in_the_door() -> None:
    for position in WORLD.goals(500, 0):
        found = named(WORLD, position)
        kinds = sorted((area.row is not None, area.side is not None) for area in found if area.room is not None)
        inside = [(False, False), (False, True), (True, False), (True, True)]
        assert kinds == inside or [area.name for area in found] == ["the door"], (position, found)


def test_areas_know_where_they_are() -> None:
    top = KNOWN["the top of the right room"]
    assert top.contains([[150, 30], [150, 180], [60, 30]]).tolist() == [True, False, False]
    assert top.distance([[150, 30], [114, 50]]).tolist() == [0, 10]
    assert KNOWN["the left room, by the wall"].contains([[90, 100], [30, 100]]).tolist() == [True, False]
    assert KNOWN["the right room, by the wall"].contains([[130, 100], [200, 100]]).tolist() == [True, False]
    assert place(WORLD, (112, 49)).name == "the door"
    assert place(WORLD, (30, 200)).name == "the bottom of the left room"


def test_sentences_name_rooms_absolutely_and_by_the_start() -> None:
    right = KNOWN["the right room"]
    rooms = LEARNED.rooms

    def said(start: int) -> set[str]:
        return set(sentences(right, start, np.random.default_rng(0), 300, replace(LEARNED, shapes=("{it}",))))

    def some(kind: str, found: set[str]) -> bool:
        return any(sentence == phrase for sentence in found for phrase in rooms[kind])

    assert some("right", said(0))
    assert some("other", said(0))
    assert not some("same", said(0))
    assert some("right", said(1))
    assert some("same", said(1))
    assert not some("other", said(1))
    assert not some("left", said(0) | said(1))
    assert sentences(right, 0, np.random.default_rng(3), 20) == sentences(right, 0, np.random.default_rng(3), 20)
    with pytest.raises(InputError, match="0, left, or 1, right"):
        sentences(right, 2, np.random.default_rng(0))


def places(wording: Wording) -> dict[str, set[str]]:
    """What can be said, as an adapter reads it, by what it means or what it is for."""
    groups = {**wording.rooms, **wording.rows, **wording.sides, "door": wording.door, "joined": wording.joined}
    groups |= {"shapes": wording.shapes, "no goal": wording.no_goal}
    return {name: {phrase.rstrip(".!?").lower() for phrase in group} for name, group in groups.items()}


def test_fresh_sentences_share_no_phrase_shape_or_refusal_with_those_that_are_learned_from() -> None:
    for one, other in ((FRESH, LEARNED), (FRESH, HELD), (HELD, LEARNED)):
        for name, phrases in places(one).items():
            assert phrases, name
            assert phrases & places(other)[name] == set(), name


@pytest.mark.parametrize("wording", [LEARNED, HELD, FRESH])
def test_no_phrase_means_two_things(wording: Wording) -> None:
    said = [phrase for phrases in places(wording).values() for phrase in phrases]
    assert len(said) == len(set(said))
    assert all(shape.count("{it}") == 1 for shape in wording.shapes)
    assert all(joined.count("{row}") == joined.count("{room}") == 1 for joined in wording.joined)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("go to x 40, y 180", (40, 180)),
        ("x=40.5 y=20", (40.5, 20)),
        ("x is 40 and y is 20", (40, 20)),
        ("please go to (40, 180)", (40, 180)),
        ("40 180", (40, 180)),
        ("go to the top of the other room", None),
        ("two rooms, 1 dot", None),
    ],
)
def test_coordinates_in_sentences(text: str, position: tuple[float, float] | None) -> None:
    assert coordinates(text) == position
    assert Words(WORLD).position(text) == position


def test_a_path_is_told_in_order() -> None:
    path = [(60, 150), (60, 100), (60, 49), (95, 49), (130, 49), (160, 49), (160, 100), (160, 150)]
    assert [claim.text for claim in told(WORLD, path)] == [
        "from the bottom of the left room", "up", "then right", "then through the door", "then right", "then down",
        "ending in the bottom of the right room",
    ]  # fmt: skip
    assert checked(told(WORLD, path), path)[1] == ()


def test_going_through_the_wall_is_told_as_that() -> None:
    path = [(80, 150), (100, 150), (125, 150), (150, 150)]
    texts = [claim.text for claim in told(WORLD, path)]
    assert "then straight through the wall" in texts
    assert "then through the door" not in texts
    assert [claim.text for claim in told(WORLD, [(50, 50), (52, 51)])][1] == "hardly moving"
    with pytest.raises(InputError, match="no positions"):
        told(WORLD, np.zeros((0, 2)))


def test_what_is_told_of_walks_holds_and_what_is_told_wrongly_does_not() -> None:
    walks = collect(WORLD, 120, 5, Expert(0.0, 0.0))
    opposite = {"up": "down", "down": "up", "left": "right", "right": "left", "and": "and"}
    kinds = set()
    for first, last in zip(walks.first[:-1], walks.first[1:], strict=True):
        path = walks.positions[first:last:5]
        claims = told(WORLD, path)
        assert checked(claims, path) == (claims, ())
        for claim in claims:
            kinds.add(claim.kind)
            if claim.kind in ("starts", "ends"):
                wrong = replace(claim, area=_elsewhere(claim.area))
            else:
                wrong = {
                    "moves": replace(claim, way=" ".join(opposite[word] for word in claim.way.split())),
                    "passes": replace(claim, kind="breaks"),
                    "rests": replace(claim, kind="moves", way="up"),
                }[claim.kind]
            assert checked([wrong], path) == ((), (wrong,)), (wrong, path)
    assert kinds >= {"starts", "moves", "passes", "ends"}


def _elsewhere(area: Area | None) -> Area:
    """An area that does not touch the given one."""
    assert area is not None
    far = {"top": "bottom", "bottom": "top", "middle": "top", None: "bottom"}[area.row]
    return KNOWN[f"the {far} of the {'right' if area.room == 0 else 'left'} room"]


def test_claims_do_not_hold_on_other_paths() -> None:
    path = [(60, 150), (60, 100), (60, 49), (95, 49), (130, 49), (160, 49)]
    other = [(60, 150), (60, 170), (60, 190), (65, 190), (70, 190), (60, 190)]
    kept, dropped = checked(told(WORLD, path), other)
    assert [claim.kind for claim in kept] == ["starts"]
    assert len(dropped) == 5
    assert checked(told(WORLD, path), path[:2])[0][0].kind == "starts"  # rows beyond the path do not hold


def test_a_walk_is_an_environment() -> None:
    walk = Walk(WORLD, np.array([60.0, 100.0]))
    before = walk.observe()
    walk.act([1, 0])
    assert walk.position.tolist() == [65, 100]
    assert walk.path.tolist() == [[60, 100], [65, 100]]
    assert before.shape == (64, 64, 3)
    assert (before != walk.observe()).any()
    with pytest.raises(InputError, match="in the wall"):
        Walk(WORLD, np.array([112.0, 150.0]))
