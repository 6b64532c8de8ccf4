"""What a plan promises although nobody wrote it down, and what it must not promise."""

from __future__ import annotations

from typing import Any

import pytest

from diptych.orchestrator.implied import implied_checks
from diptych.planners.plan import Plan, parse_plan
from diptych.planners.validate import validate
from diptych.tools.catalogue import Catalogue, load_catalogue
from diptych.tools.tool import tool
from diptych.tools.values import Image, Mask

CATALOGUE = load_catalogue()


def edit(query: str, *lines: str, by: str = "detect") -> Plan:
    """Return a plan that looks for something and goes on as `lines` say: `m region photo boxes=d`."""
    phrase = "words" if by == "find_text" else "query"
    steps = [{"id": "d", "tool": by, "args": {"image": "$photo", phrase: query}}]
    for line in lines:
        id, tool, *pairs = line.split()
        args = dict(pair.split("=") for pair in pairs)
        plain = {k: float(v) if v.lstrip("-").isdigit() else v for k, v in args.items()}
        names = {"photo", "d", *(step["id"] for step in steps)}
        args = {k: f"${v}" if v in names else v for k, v in plain.items()}
        steps.append({"id": id, "tool": tool, "args": args})
    used = {str(v).removeprefix("$") for step in steps for v in step["args"].values()}  # type: ignore[union-attr]
    outputs = [f"${step['id']}" for step in steps if step["id"] not in used]
    return parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": outputs})


def promised(plan: Plan) -> list[str]:
    """Return the implied checks in short: `absent face`, `absent person before`, `preserved b`."""
    assert validate(plan, CATALOGUE) == []
    checks = implied_checks(plan, CATALOGUE)
    made = plan.model_copy(update={"checks": checks})
    assert validate(made, CATALOGUE) == [] and implied_checks(made, CATALOGUE) == [], "valid, and complete"
    words = []
    for check in checks:
        subject = check.args.get("query") or check.args.get("words") or check.args.get("after", "")
        extra = [name for name in ("inside", "before") if name in check.args and check.check != "preserved"]
        words.append(" ".join(filter(None, [check.check, subject, *extra])))
    return words


AREA = "m region image=photo boxes=d"


@pytest.mark.parametrize(
    ("plan", "checks"),
    [
        (edit("face", AREA, "b blur image=photo mask=m"), ["preserved $b", "absent face"]),
        (edit("faces", AREA, "b pixelate image=photo mask=m"), ["preserved $b", "absent faces"]),
        (edit("face", AREA, "b blur image=photo mask=m strength=15"), ["preserved $b", "absent face before"]),
        (edit("face", AREA, "b grayscale image=photo mask=m"), ["preserved $b"]),
        (edit("face", AREA, "i invert mask=m", "b blur image=photo mask=i"), ["preserved $b"]),
        (edit("face", AREA, "g grow mask=m percent=2", "b blur image=photo mask=g"), ["preserved $b", "absent face"]),
        (edit("face", AREA, "g grow mask=m percent=-2", "b blur image=photo mask=g"), ["preserved $b"]),
        (edit("person", AREA, "b blur image=photo mask=m"), ["preserved $b", "absent person before"]),
        (edit("person", AREA, "b erase image=photo mask=m"), ["preserved $b", "absent person"]),
        (edit("eyes", AREA, "b blur image=photo mask=m"), ["preserved $b", "absent eyes before"]),
        (edit("main subject", AREA, "b erase image=photo mask=m"), ["preserved $b"]),
        (edit("red areas", AREA, "b fill image=photo mask=m color=blue"), ["preserved $b"]),
        (edit("text", AREA, "b erase image=photo mask=m"), ["preserved $b", "unreadable"]),
        (
            edit("NO PARKING".replace(" ", "_"), AREA, "b fill image=photo mask=m color=black", by="find_text"),
            ["preserved $b", "unreadable NO_PARKING"],
        ),
        (edit("face", "b sticker image=photo boxes=d kind=smile"), ["absent face before"]),
        (
            edit("face", "p pick boxes=d which=largest", "m region image=photo boxes=p", "b blur image=photo mask=m"),
            ["preserved $b", "absent face inside"],
        ),
        (
            edit("person", "p pick boxes=d which=largest", "m region image=photo boxes=p", "b blur image=photo mask=m"),
            ["preserved $b"],
        ),
        (edit("face", "p pick boxes=d which=largest", "b sticker image=photo boxes=p kind=smile"), []),
        (edit("face", AREA, "b blur image=photo mask=m", "r rotate image=b degrees=90"), ["absent face"]),
        (edit("face", AREA, "c cut_out image=photo mask=m"), []),
        (edit("face", AREA, "c composite image=photo mask=m background=photo"), []),
        (edit("face", AREA, "p paste image=photo patch=photo mask=m"), []),
        (edit("face", AREA, "b blur image=photo mask=m", "o outline image=b mask=m"), ["preserved $b", "absent face"]),
        (edit("face", "b draw_boxes image=photo boxes=d"), []),
    ],
    ids=lambda value: " ".join(f"{s.tool}" for s in value.steps) if isinstance(value, Plan) else "",
)
def test_promises(plan: Plan, checks: list[str]) -> None:
    assert promised(plan) == checks


@pytest.mark.parametrize(
    ("declared", "checks"),
    [
        ({}, ["preserved"]),
        ({"mask_use": "keeps"}, []),
        ({"mask_use": "takes"}, []),
        ({"mask_use": "traces"}, []),
        ({"reshapes": True}, ["preserved"]),
    ],
)
def test_what_a_tool_declares_decides(declared: dict[str, Any], checks: list[str]) -> None:
    @tool(family="editor", **declared)
    def change(image: Image, mask: Mask) -> Image:
        """Change something."""
        return image

    catalogue = Catalogue([*CATALOGUE.values(), change.tool])
    step = {"id": "c", "tool": "change", "args": {"image": "$photo", "mask": "$area"}}
    alone = parse_plan({"inputs": {"photo": "Image", "area": "Mask"}, "steps": [step], "outputs": ["$c"]})
    assert [check.check for check in implied_checks(alone, catalogue)] == checks
    blur = {"id": "b", "tool": "blur", "args": {"image": "$photo", "mask": "$area"}}
    after = {"id": "c", "tool": "change", "args": {"image": "$b", "mask": "$area"}}
    both = parse_plan({**alone.document(), "steps": [blur, after]})
    kept = [check.args["after"] for check in implied_checks(both, catalogue) if check.check == "preserved"]
    assert ("$b" in kept) == (not declared.get("reshapes"))


@pytest.mark.parametrize("widens", [True, False])
def test_a_tool_that_widens_a_mask_says_so(widens: bool) -> None:
    @tool(family="segmenter", panel="plain", widens=widens)
    def halo(mask: Mask) -> Mask:
        """Select something around a selection."""
        return mask

    catalogue = Catalogue([*CATALOGUE.values(), halo.tool])
    plan = edit("face", AREA, "h halo mask=m", "b blur image=photo mask=h")
    assert [check.check for check in implied_checks(plan, catalogue)] == ["preserved", *["absent"] * widens]


def test_steps_over_lists_promise_nothing() -> None:
    steps = [
        {"id": "parts", "tool": "crop_each", "args": {"image": "$photo", "boxes": "$d"}},
        {"id": "d", "tool": "detect", "args": {"image": "$photo", "query": "face"}},
        {"id": "b", "tool": "blur", "args": {"image": "$parts"}, "for_each": "image"},
    ]
    plan = parse_plan({"inputs": {"photo": "Image"}, "steps": steps, "outputs": ["$b"]})
    assert validate(plan, CATALOGUE) == [] and implied_checks(plan, CATALOGUE) == []
