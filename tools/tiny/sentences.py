"""What can be said and asked about a scene, and what would be wrong to say."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from ..detectors.places import OPPOSITE, SIDES, Side
from .scenes import COLORS, MOST, SHAPES, Group, Scene, stands

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
OPENINGS = ("", "a photo of ", "a picture of ", "an image of ", "a drawing of ", "there is ", "an image that shows ")
"""What may stand before a description; '{opening}two stars' is a sentence of the family."""
_LINKS = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
}


def plural(shape: str) -> str:
    """Return 'circles' for 'circle'."""
    return shape + ("es" if shape.endswith("s") else "s")


def phrase(group: Group, *, color: bool = True) -> str:
    """Return 'a red circle', 'two red circles', or without color 'a circle', 'two circles'."""
    noun = group.shape if group.count == 1 else plural(group.shape)
    words = f"{group.color} {noun}" if color else noun
    if group.count > 1:
        return f"{NUMBERS[group.count]} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def describe(
    groups: Sequence[Group], side: Side | None, *, color: bool = True, link: str = "", joint: str = " and "
) -> str:
    """Return one sentence about groups; with a side, the first stands there as seen from the second.

    `link` says the side in other words ('to the left of' for 'left of'); `joint` stands before the last group.
    """
    parts = [phrase(group, color=color) for group in groups]
    if side is not None:
        parts[:2] = [f"{parts[0]} {link or side} {parts[1]}"]
    return joint.join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])


def full_caption(scene: Scene) -> str:
    """Return the sentence that says all: every color, shape and count, and the relation."""
    return describe(scene.groups, scene.side)


def observed_caption(scene: Scene) -> str:
    """Return the one sentence that a look at the scene gives: groups from left to right, and of two, where they stand.

    The order and the relation follow from the boxes alone, whatever the scene was drawn for.
    """
    members = [[scene.things[place].xyxy for place in scene.matching(g.shape, g.color)] for g in scene.groups]
    order = sorted(range(len(members)), key=lambda i: min(box[0] for box in members[i]))
    if len(order) == 2:
        for side in SIDES:
            for one, other in (order, order[::-1]):
                if all(stands(a, b, side) for a in members[one] for b in members[other]):
                    return describe([scene.groups[one], scene.groups[other]], side)
    return describe([scene.groups[place] for place in order], None)


def random_caption(scene: Scene, dice: random.Random) -> str:
    """Return something true of the scene: mostly all of it, in varied words, sometimes without the colors."""
    groups, side = _turned(scene.groups, scene.side, dice)
    distinct = len({group.shape for group in groups}) == len(groups)
    return _in_words(groups, side, dice, color=not distinct or dice.random() < 0.85)


def wrong_caption(scene: Scene, dice: random.Random) -> str:
    """Return what is nearly true of the scene: one color, shape, count or relation differs, or two are exchanged."""
    while True:
        groups, side = _falsified(scene, dice)
        if len({(group.color, group.shape) for group in groups}) == len(groups):
            return _in_words(*_turned(groups, side, dice), dice)


def prompt(scene: Scene) -> str:
    """Return the request of the scene's GenEval task, as that benchmark words it; compound scenes say all."""
    alike = len({group.shape for group in scene.groups}) < len(scene.groups)
    colored = alike or scene.kind in ("colors", "color_attribution", "compound")
    return "a photo of " + describe(scene.groups, scene.side, color=colored)


def random_question(scene: Scene, dice: random.Random) -> tuple[str, str]:
    """Return a question about the scene and its one right answer."""
    asked = [_ask_color, _ask_count, _ask_presence, _ask_shape, _ask_side, _ask_neighbor]
    while True:
        found = dice.choice(asked)(scene, dice)
        if found is not None:
            return found


def stated(text: str) -> tuple[list[Group], Side | None]:
    """Read a full description back: the groups in the order of the text, and the relation if one is said.

    Words that are not of the grammar are passed over: what they would have said is then missing.
    """
    shapes = {shape: shape for shape in SHAPES} | {plural(shape): shape for shape in SHAPES}
    groups, count, color = [], 1, ""
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in ("a", "an"):
            count, color = 1, ""
        elif word in NUMBERS:
            count, color = NUMBERS.index(word), ""
        elif word in COLORS:
            color = word
        elif word in shapes:
            groups.append(Group(count, color, shapes[word]))
            count, color = 1, ""
    side = next((side for side in SIDES if any(f" {link} " in text for link in _LINKS[side])), None)
    return groups, side


def _turned(groups: Sequence[Group], side: Side | None, dice: random.Random) -> tuple[tuple[Group, ...], Side | None]:
    """Return the same facts in another order."""
    if side is not None:
        pair = groups[:2] if dice.random() < 0.5 else groups[1::-1]
        return (*pair, *groups[2:]), side if pair[0] is groups[0] else OPPOSITE[side]
    return tuple(dice.sample(list(groups), len(groups))), None


def _in_words(groups: Sequence[Group], side: Side | None, dice: random.Random, *, color: bool = True) -> str:
    link = dice.choice(_LINKS[side]) if side else ""
    joint = dice.choice((" and ", " and ", ", ", " next to ")) if side is None and len(groups) == 2 else " and "
    opening = dice.choice(OPENINGS) if dice.random() < 0.6 else ""
    return opening + describe(groups, side, color=color, link=link, joint=joint)


def _falsified(scene: Scene, dice: random.Random) -> tuple[list[Group], Side | None]:
    groups, side = list(scene.groups), scene.side
    place = dice.randrange(len(groups))
    group = groups[place]
    how = dice.choice(["color", "shape", "count"] + ["exchange"] * 2 * (len(groups) > 1) + ["side"] * 2 * bool(side))
    match how:
        case "color":
            groups[place] = replace(group, color=dice.choice([c for c in COLORS if c != group.color]))
        case "shape":
            groups[place] = replace(group, shape=dice.choice([s for s in SHAPES if s != group.shape]))
        case "count":
            groups[place] = replace(group, count=dice.choice([n for n in range(1, MOST + 1) if n != group.count]))
        case "side":
            side = dice.choice([s for s in SIDES if s != side])
        case _:
            other = (place + 1) % len(groups)
            if group.color == groups[other].color or group.shape == groups[other].shape:
                groups[place] = replace(group, count=group.count % MOST + 1)
            else:
                groups[place] = replace(group, color=groups[other].color)
                groups[other] = replace(groups[other], color=group.color)
    return groups, side


def _ask_color(scene: Scene, dice: random.Random) -> tuple[str, str] | None:
    group = dice.choice(scene.groups)
    if len({other.color for other in scene.groups if other.shape == group.shape}) > 1:
        return None
    verb, noun = ("is", group.shape) if group.count == 1 else ("are", plural(group.shape))
    return f"what color {verb} the {noun}?", group.color


def _ask_count(scene: Scene, dice: random.Random) -> tuple[str, str]:
    shape = dice.choice(scene.groups).shape if dice.random() < 0.8 else dice.choice(SHAPES)
    color = dice.choice([group.color for group in scene.groups]) if dice.random() < 0.5 else None
    words = f"{color} {plural(shape)}" if color else plural(shape)
    return f"how many {words} are there?", NUMBERS[len(scene.matching(shape, color))]


def _ask_presence(scene: Scene, dice: random.Random) -> tuple[str, str]:
    group = dice.choice(scene.groups)
    shape, color = group.shape, group.color
    if dice.random() < 0.6:
        shape = dice.choice((*SHAPES, *(other.shape for other in scene.groups)))
        color = dice.choice((*COLORS, *(other.color for other in scene.groups)))
    words = phrase(Group(1, color, shape), color=dice.random() < 0.8)
    seen = scene.matching(shape, color if color in words else None)
    return f"is there {words}?", "yes" if seen else "no"


def _ask_shape(scene: Scene, dice: random.Random) -> tuple[str, str] | None:
    group = dice.choice(scene.groups)
    if group.count > 1 or len(scene.matching(color=group.color)) > 1:
        return None
    return dice.choice(("what shape is {}?", "what is the {} object?")).format(group.color), group.shape


def _ask_side(scene: Scene, dice: random.Random) -> tuple[str, str] | None:
    """Ask about two single objects, one of which clearly stands on one side of the other."""
    pair = _related_pair(scene, dice)
    if pair is None:
        return None
    one, other, side = pair
    said = dice.choice((side, OPPOSITE[side]))
    answer = "yes" if said == side else "no"
    return f"is the {scene.things[one].name} {said} the {scene.things[other].name}?", answer


def _ask_neighbor(scene: Scene, dice: random.Random) -> tuple[str, str] | None:
    """Ask what stands on one side of an object, in scenes where only one thing can."""
    pair = _related_pair(scene, dice)
    if pair is None or len(scene.things) != 2:
        return None
    one, other, side = pair
    return f"what is {side} the {scene.things[other].name}?", scene.things[one].shape


def _related_pair(scene: Scene, dice: random.Random) -> tuple[int, int, Side] | None:
    single = [p for p, thing in enumerate(scene.things) if len(scene.matching(thing.shape, thing.color)) == 1]
    if len(single) < 2:
        return None
    one, other = dice.sample(single, 2)
    boxes = scene.things[one].xyxy, scene.things[other].xyxy
    side = next((side for side in SIDES if stands(*boxes, side)), None)
    return None if side is None else (one, other, side)
