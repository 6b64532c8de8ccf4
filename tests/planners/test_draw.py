"""The drawing holds what the plan holds, as well-formed and harmless XML."""

from __future__ import annotations

import io
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from PIL import Image as PIL

from diptych.planners.draw import to_svg
from diptych.planners.layout import GAP_X, place
from diptych.planners.plan import Check, Plan
from diptych.planners.structure import graph
from diptych.tools.errors import UsageError
from tests.planners.plans import CATALOGUE, DOG_TO_CAT, plan, step

SVG = "{http://www.w3.org/2000/svg}"


def parts(svg: str, tag: str, style: str = "") -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [e for e in root.iter(f"{SVG}{tag}") if not style or style in (e.get("class") or "").split()]


def words(svg: str) -> list[str]:
    return [e.text or "" for e in parts(svg, "text")]


def test_every_input_step_and_check_is_a_box() -> None:
    svg = to_svg(DOG_TO_CAT, CATALOGUE)
    legend = 1
    assert len(parts(svg, "rect", "input")) == 1 + legend
    assert len(parts(svg, "rect", "generative")) == 1 + legend
    assert len(parts(svg, "rect", "discriminative")) == 3 + legend
    assert len(parts(svg, "rect", "check")) == 2 + legend
    assert len(parts(svg, "rect", "output")) == 1 + legend
    assert len(parts(svg, "path", "tip")) == graph(DOG_TO_CAT).number_of_edges()


def test_boxes_tell_tool_id_and_plain_arguments() -> None:
    assert {"inpaint", "$cat", "prompt: a cat", "detect", "$dog", "query: dog"} <= set(
        words(to_svg(DOG_TO_CAT, CATALOGUE))
    )


def test_iteration_and_condition_are_told() -> None:
    dynamic = plan(step("out", "grayscale", image="$photos", for_each="image", when="not $q"), photos="List[Image]")
    assert {"for each image", "when not $q"} <= set(words(to_svg(dynamic, CATALOGUE)))


@pytest.mark.parametrize("text", ['</text><script>alert("x")</script>', "a\x00b\x1b\ud800c", "&amp; <b>", "x" * 5000])
def test_foreign_text_is_escaped_and_short(text: str) -> None:
    hostile = Plan(
        request=text.encode("utf-8", "replace").decode(),
        inputs={"photo": "Image"},
        steps=[step("out", text[:60], image="$photo", note=text, **{text[:40]: text})],
        outputs=["$out"],
        checks=[Check(check=text[:50])],
    )
    svg = to_svg(hostile, CATALOGUE)
    assert parts(svg, "script") == []
    assert max(map(len, words(svg))) <= 34


def test_nothing_is_loaded_from_elsewhere() -> None:
    svg = to_svg(DOG_TO_CAT, CATALOGUE).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert [word for word in ("http", "url(", "@import", "<script", "href") if word in svg] == []


def test_thumbnails_and_statuses() -> None:
    buffer = io.BytesIO()
    PIL.new("RGB", (4, 4), "red").save(buffer, "PNG")
    svg = to_svg(
        DOG_TO_CAT, CATALOGUE, thumbnails={"cat": buffer.getvalue()}, statuses={"dog": "failed", "cat": "done"}
    )
    assert [e.get("href", "")[:22] for e in parts(svg, "image")] == ["data:image/png;base64,"]
    assert (len(parts(svg, "circle", "failed")), len(parts(svg, "circle", "done"))) == (1, 1)


@pytest.mark.parametrize(
    "empty", [Plan(), plan(step("a", "nope"), outputs=[]), plan(step("a", "invert", mask="$gone"))]
)
def test_incomplete_plans_are_drawn_as_far_as_they_go(empty: Plan) -> None:
    ElementTree.fromstring(to_svg(empty, CATALOGUE))


def test_a_cycle_is_refused() -> None:
    with pytest.raises(UsageError, match="wait for each other cannot be drawn; validate it first"):
        to_svg(plan(step("a", "invert", mask="$a")), CATALOGUE)


def test_a_long_plan_keeps_its_boxes_apart() -> None:
    """Sixty branches of three steps, joined: no two boxes of a layer overlap, edges lead downwards."""
    steps = [
        s
        for i in range(60)
        for s in (
            step(f"d{i}", "detect", image="$photo", query=f"thing {i}"),
            step(f"m{i}", "segment", image="$photo", boxes=f"$d{i}"),
            step(f"b{i}", "blur", image="$photo" if i == 0 else f"$b{i - 1}", mask=f"$m{i}"),
        )
    ]
    shape = graph(plan(*steps))
    layout = place(shape, dict.fromkeys(shape, (120.0, 40.0)))
    rows: dict[int, list[float]] = {}
    for name, layer in layout.layer.items():
        rows.setdefault(layer, []).append(layout.centers[name, layer])
    gaps = [b - a for row in rows.values() for a, b in pairwise(sorted(row))]
    assert min(gaps) >= 120 + GAP_X - 1e-6
    assert all(upper[1] + 1 == lower[1] for upper, lower in layout.edges)


def test_order_within_a_layer_avoids_crossings() -> None:
    """Two pairs that are written crosswise are drawn side by side."""
    shape = graph(
        plan(
            step("x", "invert", mask="$b"),
            step("y", "invert", mask="$a"),
            a="Mask",
            b="Mask",
        )
    )
    layout = place(shape, dict.fromkeys(shape, (100.0, 40.0)))
    assert (layout.centers["a", 0] < layout.centers["b", 0]) == (layout.centers["y", 1] < layout.centers["x", 1])
