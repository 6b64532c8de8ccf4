"""Local repair: edit again, on top of the result, only what a check found wrong; what is right is kept.

    seen    the check, as a step: its verdict is known already
    found   the boxes that its verdict rests on
    place   a mask of them, made as the plan makes its own
    again   the editor, over the result, in that place

All of it but the first depends on the check having failed, so that the plan suits other pictures as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..planners.plan import Plan, Step
from ..tools.catalogue import Catalogue
from ..tools.tool import Type
from .amending import fresh, masked_by, on_top, with_args
from .situation import Candidate, Situation, required, reseeded

_SEEDS = 4
_WIDER = 1.0
"""By how much the second try reaches beyond what was found, in percent of the picture's shorter side."""


def local(at: Situation) -> Iterator[Candidate]:
    """Edit once more on top of the result, only where the check found something: exactly there, then wider.

    What is drawn anew is drawn with several seeds.
    """
    maker, evidence = at.maker, at.finding.evidence
    if maker is None or evidence is None or not len(evidence) or at.finding.picture is None:
        return
    editor = _editor_for(at, maker)
    if editor is None or not {"evidence", "pick"} <= at.catalogue.keys():
        return
    tool = at.tool(editor)
    for number in range(1, _SEEDS + 1 if "seed" in tool.params else 2):
        yield from _edited_again(at, maker, with_args(editor, **reseeded(maker, tool, number)), 0.0)
    if "mask" in editor.args and "grow" in at.catalogue:
        yield from _edited_again(at, maker, editor, _WIDER)


def _editor_for(at: Situation, maker: Step) -> Step | None:
    """Return the step, without its place, that edits what was found: the maker again, or what removes things."""
    tool = at.tool(maker)
    if at.finding.kind in ("missed", "still there") and (tool.hides or tool.generative):
        place = next((port for port in ("mask", "boxes") if port in tool.ports), None)
        if place and "image" in tool.ports:
            return with_args(maker, **{place: ""})
    if at.finding.kind in ("missed", "still there", "too many"):
        for other in at.catalogue.values():
            if other.hides == "removes" and {"image", "mask"} == set(other.ports) and not required(other):
                return Step(id=maker.id, tool=other.id, args={"image": "", "mask": ""})
    return None


def _edited_again(at: Situation, maker: Step, editor: Step, percent: float) -> Iterator[Candidate]:
    """Yield the plan that looks with the check's own eyes (its result is known) and edits what it sees."""
    seen = Step(id=fresh(at.plan, f"{maker.id}_seen"), tool=at.finding.step.tool, args=at.finding.step.args)
    found = Step(id=fresh(at.plan, f"{maker.id}_found"), tool="evidence", args={"verdict": f"${seen.id}"})
    failed = f"not ${seen.id}"
    steps = [seen, found, *_surplus(at, maker, found)]
    place = "boxes"
    if "mask" in editor.args:
        area = _selected(at, maker, f"${steps[-1].id}")
        if area is None:
            return
        place = "mask"
        steps += [area, *_widened(at, maker, area, percent)]
    again = with_args(editor, image=f"${maker.id}", **{place: f"${steps[-1].id}"})
    again = again.model_copy(update={"id": fresh(at.plan, f"{maker.id}_again")})
    steps = [seen, *(step.model_copy(update={"when": failed}) for step in [*steps[1:], again])]
    plan = _also_allowed(on_top(at.plan, maker.id, steps), steps[-1], at.catalogue)
    number = len(at.finding.evidence or ())
    wider = " and a little around it" if percent else ""
    change = f"{again.tool!r} again, only at the {number} place{'s' * (number != 1)} that the check found{wider}"
    yield Candidate("local", f"local {again.tool}{' wider' if percent else ''}", change, plan)


def _surplus(at: Situation, maker: Step, found: Step) -> list[Step]:
    """Return the step that picks, of things that are too many, those to take away; none where all are wrong."""
    if at.finding.kind != "too many":
        return []
    number = len(at.finding.evidence or ()) - int(at.finding.step.args["count"])
    args = {"boxes": f"${found.id}", "which": "smallest", "count": number}
    return [Step(id=fresh(at.plan, f"{maker.id}_surplus"), tool="pick", args=args)]


def _widened(at: Situation, maker: Step, area: Step, percent: float) -> list[Step]:
    args = {"mask": f"${area.id}", "percent": percent}
    return [Step(id=fresh(at.plan, f"{maker.id}_wider"), tool="grow", args=args)] if percent else []


def _selected(at: Situation, maker: Step, boxes: str) -> Step | None:
    """Return a step that selects what lies in boxes of the maker's result, as its own mask was made where it can."""
    id = fresh(at.plan, f"{maker.id}_place")
    for step in at.above(maker):
        tool = at.tool(step)
        if tool.output == Type("Mask") and set(tool.ports) == {"image", "boxes"}:
            return with_args(step, image=f"${maker.id}", boxes=boxes).model_copy(update={"id": id})
    for tool in at.catalogue.values():
        if tool.output == Type("Mask") and set(tool.ports) == {"image", "boxes"} and not tool.models:
            return Step(id=id, tool=tool.id, args={"image": f"${maker.id}", "boxes": boxes})
    return None


def _also_allowed(plan: Plan, again: Step, catalogue: Catalogue) -> Plan:
    """Let the checks that hold a mask against the result know of the second edit's mask as well."""
    result, second = f"${again.id}", again.args.get("mask")
    held = [check.args["outside"] for check in plan.checks if "outside" in check.args and result in check.args.values()]
    for first in dict.fromkeys(held) if second and "union" in catalogue else ():
        both = Step(id=fresh(plan, f"{again.id}_both"), tool="union", args={"a": first, "b": second}, when=again.when)
        steps = [part for step in plan.steps for part in ([step, both] if step.id == again.id else [step])]
        plan = masked_by(plan.model_copy(update={"steps": steps}), again.id, first, f"${both.id}")
    return plan
