"""The words people use for Two-Room's areas, those learned from and other, fresh ones; and what is no goal.
Knows words only. No fresh phrase for a place and no fresh shape of a sentence is among the learned ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """Ways to say a part of an area, and `shapes` of sentences around the whole of it.

    Keys of `rooms` are left, right, same and other; of `rows` top, middle and bottom; of `sides` outer and wall.
    `joined` says a row of a room. `no_goal` are sentences that ask for no place there is.
    """

    rooms: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, tuple[str, ...]]
    sides: Mapping[str, tuple[str, ...]]
    door: tuple[str, ...]
    joined: tuple[str, ...]
    shapes: tuple[str, ...]
    no_goal: tuple[str, ...]


LEARNED = Wording(
    rooms={
        "left": ("the left room", "the room on the left", "the left-hand room", "the west room", "the left side",
                 "the left half", "the western room", "the left hand side", "west of the wall", "left of the wall",
                 "the room to the west", "the left box", "the hall on the left"),
        "right": ("the right room", "the room on the right", "the right-hand room", "the east room", "the right side",
                  "the right half", "the eastern room", "the right hand side", "east of the wall", "right of the wall",
                  "the room to the east", "the right box", "the hall on the right"),
        "same": ("this room", "the same room", "the room you are in", "the current room", "my room", "this side",
                 "this side of the wall", "the room it is in now", "the room I am in", "your room", "here",
                 "its own room", "the starting room", "the room we are in", "the room it began in",
                 "the room you already are in", "where it is now"),
        "other": ("the other room", "the opposite room", "the next room", "the room across the wall", "the other side",
                  "the far side of the wall", "the room behind the wall", "the room through the door", "there",
                  "the room next door", "a different room", "the room I am not in", "the room it is not in",
                  "the room beyond the door", "over the wall", "the second room from here", "the room across",
                  "past the wall", "the remaining room"),
    },
    rows={
        "top": ("the top", "the upper part", "the upper third", "the upper end", "the north", "the high part",
                "the ceiling", "the top edge", "the north end", "the upper area", "the top side", "up", "above",
                "the top third", "the higher part", "up high"),
        "middle": ("the middle", "the centre", "the middle third", "the middle part", "the mid part", "the center",
                   "half way up", "the middle area", "between top and bottom", "the medium part", "midway",
                   "the mid level",
                   "neither high nor low", "the core"),
        "bottom": ("the bottom", "the lower part", "the lower third", "the lower end", "the south", "the low part",
                   "the floor", "the bottom edge", "the south end", "the lower area", "the bottom side", "down",
                   "below", "the bottom third", "the deeper part", "down low"),
    },
    sides={
        "outer": ("on the outer side", "far from the wall", "at the outer edge", "away from the wall", "on the outside",
                  "along the outer border", "not near the wall", "at the frame", "far away from the middle wall",
                  "at the border of the picture", "off the wall", "as far from the wall as possible",
                  "opposite the wall"),
        "wall": ("by the wall", "next to the wall", "near the wall", "close to the wall", "along the inner wall",
                 "beside the middle wall", "at the wall", "touching the wall", "on the inner side",
                 "leaning on the wall", "right by the wall", "as near to the wall as possible", "at the inner edge",
                 "not far from the wall"),
    },
    door=("the door", "the opening", "the gap", "the hole in the wall", "the passage", "the gap in the wall",
          "the exit", "the crossing between the rooms", "the spot where the wall is open"),
    joined=("{row} of {room}", "{row} in {room}", "{room}, {row}", "{row}, {room}", "{room} at {row}",
            "{row} on {room}", "{room}: {row}", "{room}, at {row} of it", "{row}, but in {room}",
            "{room}, and more exactly {row}"),
    shapes=("go to {it}", "move to {it}", "{it}", "walk to {it}", "please go to {it}", "get to {it}",
            "bring the dot to {it}", "I want the dot in {it}", "the goal is {it}", "be in {it}", "go over to {it}",
            "head to {it}", "take the dot to {it}", "could you go to {it}?", "you should be in {it}", "reach {it}",
            "now go to {it} and stop", "I would like you to move into {it}", "stay in {it}", "wait in {it}",
            "put the ball in {it}", "drive the agent to {it} and leave it there", "your aim is to be at {it}",
            "it should stop at {it}", "the task: get to {it}", "enter {it}", "the red dot belongs in {it}",
            "find a way to {it}", "proceed to {it}", "push it to {it}"),
    no_goal=(
        "make me a sandwich", "what is the capital of France", "approve the invoice", "write a poem about autumn",
        "how old are you", "play some music", "the meeting is on Friday", "what time is it", "hello", "thank you",
        "buy two litres of milk", "translate this into German", "who won the match yesterday", "delete all files",
        "sing a song", "send the letter to the customer", "I am hungry", "two plus two", "is it raining outside",
        "close the ticket", "book a flight to Rome", "open the browser", "please call my mother", "the cat sleeps",
        "how do I learn to cook", "explain quantum mechanics", "good morning", "why is the sky blue",
        "turn on the radio",
        "order a pizza with cheese", "pay the bill", "summarise this article", "asdf qwer zxcv", "remind me tomorrow",
        "the price went up again", "what is the meaning of life", "paint the kitchen green", "sell all my shares",
        "go to the supermarket", "go to bed", "go to Paris", "drive to the airport", "open the window",
        "clean the room",
        "the room costs ninety euros a night", "move the meeting to Monday", "move the files to the archive",
        "left over soup", "right, let us begin", "get a job", "walk the dog", "take the train home",
        "reach out to sales",
        "who is in charge here", "stop", "undo the last change", "start over", "what do you see",
        "how many dots are there",
        "go to hell", "wash the car", "the door is painted blue", "buy a new door", "turn around three times",
        "go faster",
        "climb the mountain", "jump", "make it blue", "enlarge the picture", "colour the wall red", "run the tests",
        "bring me a glass of water", "take a photo", "stay healthy", "head of the department", "no", "yes", "maybe",
        "the right answer is forty two", "he left the company", "the top ten films", "the bottom line is money",
        "go to the third room", "go to the garden", "go up the stairs", "leave the house", "find the treasure",
    ),
)  # fmt: skip
HELD = Wording(
    rooms={
        "left": ("the place on the left", "the left one of both rooms", "the leftward area"),
        "right": ("the place on the right", "the right one of both rooms", "the rightward area"),
        "same": ("the room that you stand in", "where you are", "the area it is already in"),
        "other": ("the room over there", "the second one of the rooms, not yours", "the area opposite"),
    },
    rows={
        "top": ("the top end", "the upper half", "its upside"),
        "middle": ("the mid height", "the middle stretch"),
        "bottom": ("the bottom end", "the lower half", "its underside"),
    },
    sides={
        "outer": ("distant from the wall", "at its outer rim"),
        "wall": ("beside the wall", "along the separating wall"),
    },
    door=("the way through the wall", "the door between the rooms", "the entrance"),
    joined=("{row} inside {room}", "{room} and there {row}"),
    shapes=("get yourself to {it}", "we want to be in {it}", "place the dot in {it}", "run to {it}", "aim for {it}",
            "how about going to {it}"),
    no_goal=(
        "bake a chocolate cake", "what is the tallest building in the world", "cancel the subscription",
        "draw a horse",
        "how far is the moon", "skip this song", "my train leaves at noon", "happy new year", "rent a bicycle",
        "translate the menu", "print the report", "I have a headache", "three divided by two", "iron the shirts",
        "go to the cinema", "move the sofa to the cellar", "go down the river", "the left wing lost the election",
        "the upper class", "that is right", "open the gate of the castle", "jump over the wall", "qwerty uiop",
        "make the dot bigger", "the walls are thin", "go to the room upstairs",
    ),
)  # fmt: skip
FRESH = Wording(
    rooms={
        "left": ("the leftmost chamber", "the chamber to the left", "the compartment on the left of the picture",
                 "the westernmost of the two rooms", "whichever room lies left"),
        "right": ("the rightmost chamber", "the chamber to the right", "the compartment on the right of the picture",
                  "the easternmost of the two rooms", "whichever room lies right"),
        "same": ("the chamber you already occupy", "the room where you are standing", "your present room",
                 "the room we started in", "the very room it starts from"),
        "other": ("the adjoining chamber", "the neighbouring room", "the room you are not in",
                  "the chamber beyond the partition", "the space past the doorway"),
    },
    rows={
        "top": ("the uppermost area", "the topmost strip", "the highest region", "the northern zone"),
        "middle": ("the central area", "the midsection", "the halfway height", "the intermediate zone"),
        "bottom": ("the lowermost area", "the bottommost strip", "the lowest region", "the southern zone"),
    },
    sides={
        "outer": ("well clear of the divider", "hugging the outermost boundary", "as distant from the partition as "
                  "can be"),
        "wall": ("right up against the divider", "hugging the partition", "adjacent to the dividing wall"),
    },
    door=("the doorway", "the gateway between the rooms", "where the partition is open"),
    joined=("{row} within {room}", "{room}, namely {row}", "{room} - specifically {row}"),
    shapes=("make your way towards {it}", "navigate into {it}", "steer it so that it ends up at {it}",
            "the destination would be {it}", "let the red circle come to rest at {it}", "we need it parked at {it}",
            "travel until you have arrived at {it}", "finish somewhere around {it}", "target: {it}"),
    no_goal=(
        "prepare a cup of tea", "what is the population of Brazil", "reject the purchase order", "compose a haiku",
        "where were you born", "lower the volume of the television", "my birthday is in March",
        "how warm is it today",
        "see you later", "fetch a dozen eggs", "spell the word necessary", "who wrote this novel", "empty the trash",
        "whistle a tune", "forward the email to accounting", "I feel tired", "seven times eight",
        "will it snow tonight",
        "escalate the incident", "reserve a table for four", "restart the computer", "text my brother", "dogs bark",
        "teach me to swim", "describe photosynthesis", "good night", "why do birds migrate", "dim the lights",
        "grill some vegetables", "refund the customer", "proofread my essay", "blah blah blah",
        "set an alarm for six",
        "inflation is falling", "tell me a joke", "mow the lawn", "invest in bonds", "travel to Tokyo",
        "navigate to the nearest petrol station", "visit the museum", "repair the roof", "vacuum the carpet",
        "our hotel room has a view of the sea", "relocate the office to Berlin", "shift the deadline",
        "feed the parrot",
        "catch the bus", "contact support", "increase the brightness", "swap the two colours", "erase the drawing",
        "count to one hundred", "hire an accountant", "knock on the door", "break the wall down",
        "she turned right at once",
        "there is nothing left", "at the end of the day it is about trust", "ascend the tower", "go swimming",
        "enter the fourth chamber", "descend to the basement", "dance", "sure", "what does this button do",
    ),
)  # fmt: skip
