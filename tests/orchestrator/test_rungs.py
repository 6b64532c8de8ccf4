"""What may stand in for what, and what a repair leaves alone: read off the whole catalogue, nothing runs."""

from __future__ import annotations

import pytest

from diptych.orchestrator.amending import changed_steps, fresh, on_top, with_args, with_step
from diptych.orchestrator.rungs import LADDER, alternatives
from diptych.orchestrator.search import RUNGS
from diptych.orchestrator.situation import Situation
from diptych.orchestrator.verdicts import Finding, Kind
from diptych.planners.plan import Plan, Step, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import load_catalogue
from diptych.tools.values import Detections, Image
from tests.photos import photo

CATALOGUE = load_catalogue()
PHOTO = photo("coffee")


@pytest.mark.parametrize(
    ("step", "others"),
    [
        (Step(id="s", tool="blur", args={"image": "$photo", "mask": "$m"}), ["pixelate"]),
        (Step(id="s", tool="pixelate", args={"image": "$photo", "mask": "$m", "blocks": 4}), ["blur"]),
        (Step(id="s", tool="erase", args={"image": "$photo", "mask": "$m"}), []),
        (Step(id="s", tool="grayscale", args={"image": "$photo", "mask": "$m"}), []),
        (Step(id="s", tool="segment", args={"image": "$photo", "boxes": "$d"}), ["region"]),
        (Step(id="s", tool="detect", args={"image": "$photo", "query": "face"}), ["detect_closely"]),
        (Step(id="s", tool="find_text", args={"image": "$photo", "words": "EXIT"}), []),
        (Step(id="s", tool="grow", args={"mask": "$m", "percent": 2}), []),
        (Step(id="s", tool="union", args={"a": "$m", "b": "$n"}), []),
        (Step(id="s", tool="pick", args={"boxes": "$d", "which": "largest"}), []),
        (Step(id="s", tool="generate", args={"prompt": "a cat"}), []),
        (Step(id="s", tool="inpaint", args={"image": "$photo", "mask": "$m", "prompt": "a cat"}), []),
    ],
    ids=lambda value: value.tool if isinstance(value, Step) else "",
)
def test_what_can_stand_in(step: Step, others: list[str]) -> None:
    found = list(alternatives(step, CATALOGUE))
    assert [tool.id for tool, _ in found] == others
    assert all(args.keys() <= {**tool.ports, **tool.params}.keys() for tool, args in found)


def plan(*steps: Step, checks: list[dict[str, object]]) -> Plan:
    document = {"inputs": {"photo": "Image"}, "outputs": [f"${steps[-1].id}"], "checks": checks}
    return parse_plan({**document, "steps": [step.model_dump(exclude_none=True) for step in steps]})


FACE = Step(id="d", tool="detect", args={"image": "$photo", "query": "face"})
AREA = Step(id="m", tool="region", args={"image": "$photo", "boxes": "$d", "shape": "ellipse"})
BLUR = Step(id="out", tool="blur", args={"image": "$photo", "mask": "$m"})
ABSENT = {"check": "absent", "image": "$out", "query": "face"}
KEPT = {"check": "preserved", "before": "$photo", "after": "$out", "outside": "$m"}
ONE = Detections([[10, 10, 60, 60]], ("face",), [0.9], "face")  # type: ignore[arg-type]


def tried(document: Plan, kind: Kind, rung: str, picture: Image | None = PHOTO) -> list[tuple[str, Plan]]:
    """Return the ways that a rung would try when its first check failed so; all of them are valid plans."""
    assert validate(document, CATALOGUE) == []
    check = document.checked_steps()[0]
    finding = Finding(check.id, check, kind, "so", "out", PHOTO, picture, ONE)
    found = list(LADDER[rung](Situation(document, finding, CATALOGUE)))  # type: ignore[index]
    assert [problem for each in found for problem in validate(each.plan, CATALOGUE)] == []
    return [(each.way, each.plan) for each in found]


def test_local_repair_selects_as_the_plan_did() -> None:
    (_, exact), (way, wider) = tried(plan(FACE, AREA, BLUR, checks=[ABSENT, KEPT]), "missed", "local")
    assert exact.step("out_place").args == {"image": "$out", "boxes": "$out_found", "shape": "ellipse"}
    assert exact.step("out_seen").args == {"image": "$out", "query": "face"} and exact.outputs == ["$out_again"]
    assert exact.checks[0].args["image"] == "$out_again"
    assert exact.checks[1].args == {"before": "$photo", "after": "$out_again", "outside": "$out_again_both"}
    assert way == "local blur wider" and "grow" in {step.tool for step in wider.steps}


def test_local_repair_of_stickers_needs_no_mask() -> None:
    sticker = Step(id="out", tool="sticker", args={"image": "$photo", "boxes": "$d", "kind": "smile"})
    ((_, amended),) = tried(plan(FACE, sticker, checks=[{**ABSENT, "before": "$photo"}]), "missed", "local")
    assert amended.step("out_again").args == {"image": "$out", "boxes": "$out_found", "kind": "smile"}


def test_a_picture_is_not_cropped_again_to_what_was_found() -> None:
    crop = Step(id="out", tool="crop", args={"image": "$photo", "boxes": "$d"})
    ways = [way for way, _ in tried(plan(FACE, crop, checks=[ABSENT]), "still there", "local")]
    assert ways == ["local erase", "local erase wider"]


def test_what_was_asked_for_in_numbers_stays() -> None:
    turn = Step(id="out", tool="rotate", args={"image": "$photo", "degrees": 90})
    reads = {"check": "reads", "image": "$out", "words": "EXIT"}
    assert tried(plan(turn, checks=[reads]), "other", "nudge") == []
    words = Step(id="out", tool="write", args={"image": "$photo", "text": "EXIT"})
    ways = [way for way, _ in tried(plan(words, checks=[reads]), "other", "nudge")]
    assert ways == ["nudge write.size up"]


def test_a_mask_is_widened_for_the_edit_and_its_checks() -> None:
    ways = dict(tried(plan(FACE, AREA, BLUR, checks=[ABSENT, KEPT]), "still there", "nudge"))
    amended = ways["nudge blur.mask wider"]
    assert amended.step("out").args["mask"] == amended.checks[1].args["outside"] == "$out_wider"
    assert set(ways) == {"nudge blur.mask wider", "nudge blur.strength up", "nudge blur.strength down"}


@pytest.mark.parametrize("rung", ["local", "nudge", "swap"])
def test_a_leak_is_nobody_elses_to_mend(rung: str) -> None:
    assert tried(plan(FACE, AREA, BLUR, checks=[KEPT, ABSENT]), "leaked", rung) == []


def test_a_plan_on_top_of_a_plan() -> None:
    document = plan(FACE, AREA, BLUR, Step(id="end", tool="sharpen", args={"image": "$out"}), checks=[ABSENT])
    more = Step(id="more", tool="blur", args={"image": "$out"})
    amended = on_top(document, "out", [more])
    assert [step.id for step in amended.steps] == ["d", "m", "out", "more", "end"]
    assert amended.step("end").args["image"] == "$more" and amended.step("more").args["image"] == "$out"
    assert changed_steps(document, amended) == {"more", "end", "check_1"}
    again = with_step(document, with_args(BLUR, strength=80.0))
    assert changed_steps(document, again) == {"out", "end", "check_1"}
    assert fresh(amended, "more") == "more_2" and len(fresh(document, "x" * 64)) <= 64


def test_every_rung_of_the_policy_exists() -> None:
    assert {*LADDER, "replan"} == set(RUNGS)
