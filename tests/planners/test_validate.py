"""One row per pathology, with the exact words that the person and the planner read."""

from __future__ import annotations

import random
from typing import Any

import pytest

from diptych.planners.plan import Plan, Step
from diptych.planners.seeds import with_seeds
from diptych.planners.structure import bridge, graph, nearest, output_types
from diptych.planners.validate import validate
from diptych.tools.errors import Problem
from diptych.tools.model import Detector
from diptych.tools.profiles import Binding, Profile
from diptych.tools.tool import Type
from diptych.tools.values import Detections, Image
from tests.planners.plans import CATALOGUE, DOG_TO_CAT, check, plan, step

FACES = step("face", "detect", image="$photo", query="face")
AREA = step("area", "segment", image="$photo", boxes="$face")
PARTS = step("parts", "crop_each", image="$photo", boxes="$face")

SOUND = {
    "the plan of the README": DOG_TO_CAT,
    "a reference to a later step": plan(AREA, FACES, outputs=["$area"]),
    "a list port with a list of references": plan(
        step("both", "collage", images=["$photo", "$photo2"]), photo="Image", photo2="Image"
    ),
    "a list port with one reference to a list": plan(FACES, PARTS, step("sheet", "collage", images="$parts")),
    "a list input": plan(step("sheet", "collage", images="$photos"), photos="List[Image]"),
    "once per item": plan(FACES, PARTS, step("gray", "grayscale", image="$parts", for_each="image")),
    "a text made by a step": plan(
        step("words", "read", image="$photo"), step("out", "write", image="$photo", text="$words")
    ),
    "words for each item": plan(
        FACES,
        PARTS,
        step("words", "read", image="$parts", for_each="image"),
        step("out", "write", image="$photo", text="$words", for_each="text"),
    ),
    "a number made by a step": plan(
        FACES, step("n", "count", boxes="$face"), step("out", "rotate", image="$photo", degrees="$n")
    ),
    "a condition": plan(
        FACES,
        step("any", "exists", boxes="$face"),
        AREA,
        step("out", "blur", image="$photo", mask="$area", when="not $any"),
    ),
    "a null where nothing is needed": plan(step("out", "blur", image="$photo", mask=None)),
    "a step that only a check uses": plan(
        FACES,
        AREA,
        step("out", "sharpen", image="$photo"),
        checks=(check("preserved", before="$photo", after="$out", outside="$area"),),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_plan_has_no_problem(name: str) -> None:
    assert validate(SOUND[name], CATALOGUE) == []


BROKEN: dict[str, tuple[Plan, list[str]]] = {
    "no step": (
        plan(outputs=["$photo"]),
        ["the plan has no step; add one for each thing to do"],
    ),
    "malformed id": (
        Plan.model_construct(
            inputs={"photo": "Image"},
            steps=[Step.model_construct(id="1 st", tool="sharpen", args={"image": "$photo"}, for_each=None, when=None)],
            outputs=["$photo"],
            checks=[],
            request="",
        ),
        [
            "step '1 st': the id '1 st' is not a name; use letters, digits and _, not starting with a digit",
            "step '1 st': its result is never used; add '$1 st' to the outputs or take the step out",
        ],
    ),
    "two steps of one id": (
        plan(step("a", "sharpen", image="$photo"), step("a", "denoise", image="$photo")),
        ["step 'a': 2 steps have this id; give each its own, like 'a_2'"],
    ),
    "a step called like an input": (
        plan(step("photo", "sharpen", image="$photo")),
        ["step 'photo': an input has this name too; call the step 'photo_2'"],
    ),
    "a step called like a check": (
        plan(step("check_1", "sharpen", image="$photo"), checks=(check("shows", image="$photo", query="cat"),)),
        ["step 'check_1': this name belongs to one of the checks; choose another"],
    ),
    "unknown tool, near one": (
        plan(step("out", "blurr", image="$photo")),
        ["step 'out': no tool is called 'blurr'; did you mean 'blur'?"],
    ),
    "unknown tool, near none": (
        plan(step("out", "zzz", image="$photo")),
        [
            "step 'out': no tool is called 'zzz'; known: detect, detect_closely, find_text, pick, part, segment, "
            "subject, region, color_range, invert, grow, union …"
        ],
    ),
    "unknown argument": (
        plan(step("out", "blur", image="$photo", strenght=5)),
        ["step 'out', argument 'strenght': 'blur' has no such argument; did you mean 'strength'?"],
    ),
    "a model is no argument": (
        plan(step("out", "detect", image="$photo", query="cat", detector="x")),
        ["step 'out', argument 'detector': 'detect' has no such argument; known: image, query"],
    ),
    "missing arguments": (
        plan(step("out", "fill", image="$photo")),
        [
            "step 'out', argument 'mask': is missing; give a reference to Mask: a step that gives Mask",
            "step 'out', argument 'color': is missing; give text: a color name or #rrggbb",
        ],
    ),
    "missing argument that another step has": (
        plan(FACES, AREA, step("out", "erase", image="$photo"), outputs=["$out", "$area"]),
        ["step 'out', argument 'mask': is missing; give a reference to Mask: '$area'"],
    ),
    "dangling reference, near one": (
        plan(FACES, step("area", "segment", image="$photo", boxes="$fase")),
        ["step 'area', argument 'boxes': '$fase' is neither an input nor a step; did you mean 'face'?"],
    ),
    "dangling condition": (
        plan(step("out", "blur", image="$photo", when="$q")),
        ["step 'out', argument 'when': '$q' is neither an input nor a step; known: photo"],
    ),
    "checks cannot be referenced": (
        plan(
            step("out", "blur", image="$photo", when="$check_1"),
            checks=(check("shows", image="$photo", query="cat"),),
        ),
        ["step 'out', argument 'when': '$check_1' is neither an input nor a step; known: photo"],
    ),
    "cycle of three": (
        plan(
            step("a", "invert", mask="$c"),
            step("b", "invert", mask="$a"),
            step("c", "invert", mask="$b"),
        ),
        [
            "step 'a': the steps wait for each other: 'a' needs 'c' needs 'b' needs 'a'; "
            "take one of these references out"
        ],
    ),
    "a step that needs itself": (
        plan(step("a", "invert", mask="$a")),
        ["step 'a': the steps wait for each other: 'a' needs 'a'; take one of these references out"],
    ),
    "boxes for a mask": (
        plan(FACES, step("out", "erase", image="$photo", mask="$face")),
        ["step 'out', argument 'mask': expects Mask, but '$face' gives Detections; put 'segment' between them"],
    ),
    "an image for a mask": (
        plan(step("out", "erase", image="$photo", mask="$photo")),
        ["step 'out', argument 'mask': expects Mask, but '$photo' gives Image; put 'subject' between them"],
    ),
    "a mask for an image": (
        plan(FACES, AREA, step("out", "sharpen", image="$area")),
        ["step 'out', argument 'image': expects Image, but '$area' gives Mask; use '$photo'"],
    ),
    "nothing gives what is wanted": (
        plan(step("out", "write", image="$n", text="hi"), n="Number"),
        ["step 'out', argument 'image': expects Image, but '$n' gives Number; use a step that gives Image"],
    ),
    "a list for one": (
        plan(FACES, PARTS, step("out", "sharpen", image="$parts")),
        [
            "step 'out', argument 'image': expects Image, but '$parts' gives List[Image]; "
            'add "for_each": "image" to run once per item'
        ],
    ),
    "one for a list": (
        plan(step("out", "collage", images="$photo")),
        ["step 'out', argument 'images': expects List[Image], but '$photo' gives Image; write [\"$photo\"]"],
    ),
    "a list of other things": (
        plan(FACES, PARTS, step("out", "erase", image="$photo", mask="$parts")),
        [
            "step 'out', argument 'mask': expects Mask, but '$parts' gives List[Image]; "
            "put 'subject' between them, once per item"
        ],
    ),
    "an empty list": (
        plan(step("out", "collage", images=[])),
        [
            "step 'out', argument 'images': expects List[Image], but the list is empty; "
            "give a reference to List[Image]: a step that gives List[Image]"
        ],
    ),
    "several references for one": (
        plan(step("out", "sharpen", image=["$photo", "$photo"])),
        ["step 'out', argument 'image': expects Image, one reference, not a list of 2"],
    ),
    "out of range": (
        plan(step("out", "blur", image="$photo", strength=500)),
        ["step 'out', argument 'strength': 500 does not fit: input should be less than or equal to 100"],
    ),
    "not one of the choices": (
        plan(step("out", "flip", image="$photo", direction="up")),
        ["step 'out', argument 'direction': 'up' does not fit: input should be 'horizontal' or 'vertical'"],
    ),
    "a plain value for a reference": (
        plan(FACES, step("out", "erase", image="$photo", mask="the dog"), outputs=["$out", "$face"]),
        [
            "step 'out', argument 'mask': expects a reference to Mask, not 'the dog'; use a step that gives Mask",
        ],
    ),
    "a forgotten dollar": (
        plan(step("out", "sharpen", image="photo")),
        ["step 'out', argument 'image': expects a reference to Image, not the text 'photo'; write '$photo'"],
    ),
    "null for a reference": (
        plan(step("out", "sharpen", image=None)),
        ["step 'out', argument 'image': expects a reference to Image, not None; use '$photo'"],
    ),
    "a reference for a choice": (
        plan(step("w", "read", image="$photo"), step("out", "flip", image="$photo", direction="$w")),
        [
            "step 'out', argument 'direction': takes a plain value, not the reference '$w'; "
            "give one of 'horizontal', 'vertical'"
        ],
    ),
    "a reference in a plain list": (
        plan(step("w", "read", image="$photo"), step("out", "classify", image="$photo", labels=["$w", "b"])),
        ["step 'out', argument 'labels': takes plain values only, no references in its list"],
    ),
    "a reference of the wrong kind for a number": (
        plan(FACES, step("out", "rotate", image="$photo", degrees="$face")),
        ["step 'out', argument 'degrees': expects Number, but '$face' gives Detections; put 'count' between them"],
    ),
    "for_each over one thing": (
        plan(step("out", "blur", image="$photo", for_each="image")),
        ["step 'out', argument 'image': expects List[Image], but '$photo' gives Image; leave for_each out"],
    ),
    "for_each over another kind": (
        plan(FACES, PARTS, step("out", "erase", image="$photo", mask="$parts", for_each="mask")),
        [
            "step 'out', argument 'mask': expects List[Mask], but '$parts' gives List[Image]; "
            "put 'subject' between them, once per item"
        ],
    ),
    "for_each over no argument": (
        plan(step("out", "blur", image="$photo", for_each="imag")),
        ["step 'out': for_each names 'imag', which 'blur' does not take; did you mean 'image'?"],
    ),
    "for_each over an absent argument": (
        plan(step("out", "blur", image="$photo", for_each="mask")),
        ["step 'out', argument 'mask': for_each runs over 'mask', which has no value; give it a reference to a list"],
    ),
    "for_each over a plain value": (
        plan(step("out", "blur", image="$photo", strength=5, for_each="strength")),
        ["step 'out', argument 'strength': for_each runs over a reference to a list, not over 5"],
    ),
    "for_each over a list port": (
        plan(step("out", "collage", images="$photos", for_each="images"), photos="List[Image]"),
        [
            "step 'out', argument 'images': 'collage' takes the whole list at once; leave for_each out",
        ],
    ),
    "a list of lists": (
        plan(FACES, PARTS, step("out", "crop_each", image="$parts", boxes="$face", for_each="image")),
        ["step 'out', argument 'image': 'crop_each' already gives List[Image]; a list of lists is not possible"],
    ),
    "a condition that is no question": (
        plan(FACES, step("out", "blur", image="$photo", when="not $face")),
        [
            "step 'out', argument 'when': expects Verdict or Number, but '$face' gives Detections; "
            "put 'exists' between them"
        ],
    ),
    "no output": (
        plan(step("out", "blur", image="$photo"), outputs=[]),
        ["the plan has no output; add one, like '$out'"],
    ),
    "an output that is not there": (
        plan(step("out", "blur", image="$photo"), outputs=["$ot"]),
        ["output '$ot' is neither an input nor a step; did you mean 'out'?"],
    ),
    "twice the same output": (
        plan(step("out", "blur", image="$photo"), outputs=["$out", "$out"]),
        ["output '$out' is listed 2 times; list it once"],
    ),
    "a chain that leads nowhere": (
        plan(FACES, AREA, step("out", "blur", image="$photo")),
        [
            "step 'face': its result is never used; add '$face' to the outputs or take the step out",
            "step 'area': its result is never used; add '$area' to the outputs or take the step out",
        ],
    ),
    "unknown type of input": (
        plan(step("out", "sharpen", image="$photo"), photo="Picture"),
        [
            "input 'photo': unknown type 'Picture'; known: Image, Mask, Detections, Text, Number, Labels, Layout, "
            "Depth, Embedding, Verdict, and List[…] of each"
        ],
    ),
    "a check that gives no verdict": (
        plan(FACES, step("out", "blur", image="$photo"), checks=(check("count", boxes="$face"),)),
        [
            "step 'check_1': a check must give Verdict, but 'count' gives Number; "
            "use exists, shows, absent, reads, unreadable, preserved, colored, placed"
        ],
    ),
    "a check with a wrong argument": (
        plan(step("out", "blur", image="$photo"), checks=(check("shows", image="$out", query=""),)),
        ["step 'check_1', argument 'query': '' does not fit: string should have at least 1 character"],
    ),
    "an unknown check": (
        plan(step("out", "blur", image="$photo"), checks=(check("show", image="$out"),)),
        ["step 'check_1': no tool is called 'show'; did you mean 'shows'?"],
    ),
    "too many steps": (
        plan(*(step(f"s{i}", "sharpen", image="$photo") for i in range(501))),
        ["the plan has 501 steps; at most 500 are allowed"],
    ),
    "an endless argument": (
        plan(step("out", "outpaint", image="$photo", prompt="x" * 20_000)),
        ["step 'out', argument 'prompt': is 20002 characters long; at most 10000 are allowed"],
    ),
    "an endless tool name": (
        plan(step("out", "x" * 100_000)),
        ["step 'out': tool has 100000 characters; at most 64 are allowed"],
    ),
    "endless references": (
        plan(*(step(f"s{i}", "collage", images=["$q"] * 600) for i in range(9))),
        ["the plan has 5400 references; at most 2000 are allowed"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plan_is_told_exactly_what_is_wrong(name: str) -> None:
    broken, messages = BROKEN[name]
    assert [str(problem) for problem in validate(broken, CATALOGUE)] == messages


def test_all_problems_come_at_once() -> None:
    broken = plan(
        step("a", "blurr", image="$photo"),
        step("b", "blur", image="$phot", strength=500),
        step("c", "erase", image="$photo", mask="$photo"),
        outputs=["$b", "$c", "$a", "$a"],
    )
    assert {(p.step, p.argument) for p in validate(broken, CATALOGUE)} == {
        ("a", None),
        ("b", "image"),
        ("b", "strength"),
        ("c", "mask"),
        (None, None),
    }


def test_two_cycles_are_named_apart() -> None:
    broken = plan(
        step("a", "invert", mask="$b"),
        step("b", "invert", mask="$a"),
        step("c", "union", a="$b", b="$c"),
    )
    assert [p.step for p in validate(broken, CATALOGUE) if "wait" in p.message] == ["a", "c"]


class OnlyFaces(Detector):
    """An adapter that says beforehand what it cannot do; it is never loaded here."""

    memory_mb = 700

    @classmethod
    def load(cls, source: Any, *, device: str = "cpu", dtype: str = "float32") -> OnlyFaces:
        return cls()

    @classmethod
    def objection(cls, params: Any, source: Any) -> str | None:
        return None if params["query"] == "face" else f"cannot detect {params['query']!r}"

    def detect(self, image: Image, query: str) -> Detections:
        return Detections.empty(query)


def profile(memory_mb: int = 0) -> Profile:
    """A profile that finds faces and can do nothing else."""
    binding = Binding("detector", "only-faces", memory_mb=memory_mb)
    binding.__dict__["model"] = OnlyFaces
    return Profile("faces-only", "", bindings={"detector": binding})


def unsupported(step_id: str, start: str, problems: list[Problem]) -> bool:
    return [(p.step, p.kind) for p in problems] == [(step_id, "unsupported")] and problems[0].message.startswith(start)


def test_a_profile_refuses_what_its_models_cannot_do() -> None:
    cats = plan(step("cats", "detect", image="$photo", query="cat"))
    assert unsupported("cats", "profile 'faces-only' cannot detect 'cat'; ", validate(cats, CATALOGUE, profile()))
    assert validate(plan(FACES), CATALOGUE, profile()) == []


def test_a_profile_refuses_what_it_has_no_model_for() -> None:
    new = plan(step("new", "generate", prompt="a cat"))
    assert unsupported("new", "profile 'faces-only' has no generator; ", validate(new, CATALOGUE, profile()))


def test_checks_are_asked_of_the_profile_too() -> None:
    promised = plan(step("out", "blur", image="$photo"), checks=(check("absent", image="$out", query="dog"),))
    assert unsupported(
        "check_1", "profile 'faces-only' cannot detect 'dog'; ", validate(promised, CATALOGUE, profile())
    )


def test_models_are_not_asked_about_a_faulty_step() -> None:
    """The adapter above reads params["query"] without looking."""
    faulty = plan(step("out", "detect", image="$photo"))
    assert [p.kind for p in validate(faulty, CATALOGUE, profile())] == ["invalid"]


@pytest.mark.parametrize(("declared", "there", "needed"), [(0, 699, 700), (0, 700, None), (900, 800, 900)])
def test_the_largest_model_must_fit(declared: int, there: int, needed: int | None) -> None:
    problems = validate(plan(FACES), CATALOGUE, profile(declared), memory_mb=there)
    message = (
        f"step 'face': the detector of profile 'faces-only' needs {needed} MiB of memory, "
        f"but {there} MiB are there; choose a smaller profile"
    )
    assert [str(p) for p in problems] == ([message] if needed else [])


@pytest.mark.parametrize(
    ("given", "wanted", "chain"),
    [
        ("Detections", "Mask", ["segment"]),
        ("Image", "Mask", ["subject"]),
        ("Image", "Detections", ["detect"]),
        ("Image", "Text", ["caption"]),
        ("Detections", "Number", ["count"]),
        ("Detections", "Verdict", ["exists"]),
        ("Mask", "Image", []),
        ("Number", "Image", []),
    ],
)
def test_bridges(given: str, wanted: str, chain: list[str]) -> None:
    assert bridge(given, wanted, CATALOGUE) == chain


def test_a_bridge_of_two_tools() -> None:
    few = {id: CATALOGUE[id] for id in ("detect", "count", "segment")}
    assert bridge("Image", "Number", type(CATALOGUE)(few.values())) == ["detect", "count"]


def test_graph_has_inputs_steps_and_checks() -> None:
    shape = graph(DOG_TO_CAT)
    assert {name: facts["role"] for name, facts in shape.nodes.items()} == {
        "photo": "input",
        "dog": "step",
        "area": "step",
        "cat": "step",
        "check_1": "check",
        "check_2": "check",
    }
    assert shape.edges["photo", "cat"]["arguments"] == ["image"]
    assert shape.edges["area", "check_2"]["arguments"] == ["outside"]


def test_output_types() -> None:
    types = output_types(SOUND["once per item"], CATALOGUE)
    assert {name: str(given) for name, given in types.items()} == {
        "photo": "Image",
        "face": "Detections",
        "parts": "List[Image]",
        "gray": "List[Image]",
    }
    assert output_types(plan(step("a", "nope")), CATALOGUE) == {"photo": Type("Image"), "a": None}


def test_nearest_of_nothing() -> None:
    assert nearest("a", []) == "; there is none"


def test_seeds_are_drawn_once_and_written_down() -> None:
    two = plan(
        step("a", "generate", prompt="a cat"),
        step("b", "edit", image="$a", instruction="make it snow", seed=7),
        step("c", "sharpen", image="$b"),
    )
    seeded = with_seeds(two, CATALOGUE, random.Random(1))
    assert seeded.step("a").args["seed"] == random.Random(1).randrange(2**32)
    assert (seeded.step("b").args["seed"], "seed" in seeded.step("c").args) == (7, False)
    assert with_seeds(seeded, CATALOGUE, random.Random(2)) == seeded
    assert "seed" not in two.step("a").args
    assert validate(seeded, CATALOGUE) == []
