"""Two-Room, the pixel world of stable-worldmodel and LeWorldModel, in numpy: rules, frames, policies, episodes."""

from wmagent.worlds.two_room.checks import check_actions, check_frames
from wmagent.worlds.two_room.drawing import shrunk
from wmagent.worlds.two_room.episodes import Episodes, collect
from wmagent.worlds.two_room.policies import Chance, Expert, Policy
from wmagent.worlds.two_room.world import TwoRoom

__all__ = ["Chance", "Episodes", "Expert", "Policy", "TwoRoom", "check_actions", "check_frames", "collect", "shrunk"]
