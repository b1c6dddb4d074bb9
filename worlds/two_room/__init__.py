"""Two-Room, the pixel world of stable-worldmodel and LeWorldModel, in numpy: rules, frames, policies, walks, words."""

from wmagent.worlds.two_room.areas import Area, areas, place
from wmagent.worlds.two_room.checks import check_actions, check_frames
from wmagent.worlds.two_room.drawing import shrunk
from wmagent.worlds.two_room.episodes import Episodes, collect
from wmagent.worlds.two_room.policies import Chance, Expert, Policy
from wmagent.worlds.two_room.telling import Claim, checked, told
from wmagent.worlds.two_room.walk import Walk
from wmagent.worlds.two_room.wordings import FRESH, HELD, LEARNED, Wording
from wmagent.worlds.two_room.words import Words, coordinates, named, sentences
from wmagent.worlds.two_room.world import TwoRoom

__all__ = [
    "FRESH",
    "HELD",
    "LEARNED",
    "Area",
    "Chance",
    "Claim",
    "Episodes",
    "Expert",
    "Policy",
    "TwoRoom",
    "Walk",
    "Wording",
    "Words",
    "areas",
    "check_actions",
    "check_frames",
    "checked",
    "collect",
    "coordinates",
    "named",
    "place",
    "sentences",
    "shrunk",
    "told",
]
