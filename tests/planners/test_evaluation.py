"""The planning harness: what is compared, what counts as zero, and what stands beside a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.planners.evaluation.contenders import load_contender
from diptych.planners.evaluation.harness import by_kind, costs, evaluate, sampled, score, summarize
from diptych.planners.evaluation.items import Item, Wanted
from diptych.planners.evaluation.scores import f1, facts_of
from diptych.planners.evaluation.sets import SETS, Set, load_set
from diptych.planners.external import external
from diptych.planners.plan import Plan
from diptych.planners.usage import count_answer
from diptych.planners.validate import validate
from diptych.tools.errors import DiptychError, PlanError, Problem, Refusal, ToolError, UsageError
from tests.planners.plans import CATALOGUE, plan, step

SAMPLES = Path(__file__).parent / "evals"
FACE = plan(
    step("detect", "detect", image="$photo", query="face"),
    step("segment", "segment", image="$photo", boxes="$detect"),
    step("blur", "blur", image="$photo", mask="$segment"),
)
SAME = plan(
    step("where", "detect", image="$photo", query="Face"),
    step("area", "segment", boxes="$where", image="$photo"),
    step("out", "blur", image="$photo", mask="$area", strength=50),
)
WHOLE = plan(step("blur", "blur", image="$photo"))
GRAY = plan(step("gray", "grayscale", image="$photo"))


class Scripted:
    """Answers as it is told, one answer after the other; an error is raised."""

    def __init__(self, *answers: Plan | DiptychError) -> None:
        self.answers = list(answers)
        self.problems: list[Sequence[Problem]] = []

    def plan(self, request: str, images: Any, catalogue: Any, history: Any = (), problems: Any = ()) -> Plan:
        self.problems.append(problems)
        count_answer(10, 5)
        answer = self.answers.pop(0)
        if isinstance(answer, DiptychError):
            raise answer
        return answer


def asked(planner: Scripted, *wanted: Wanted) -> list[Any]:
    items = tuple(Item(f"i{n}", "blur the face", ("photo",), f"kind {n}", w) for n, w in enumerate(wanted))
    return list(evaluate(planner, Set("small", CATALOGUE, items, "")))


def figures(rows: list[Any]) -> dict[str, float | None]:
    return {figure.name: figure.value for figure in summarize(rows)}


def test_names_order_case_and_defaults_do_not_matter() -> None:
    assert facts_of(FACE, CATALOGUE).trees == facts_of(SAME, CATALOGUE).trees
    assert score(Wanted(plan=FACE), "plan", SAME, CATALOGUE) == {
        "valid": 1.0,
        "exact": 1.0,
        "node_f1": 1.0,
        "edge_f1": 1.0,
        "argument_f1": 1.0,
    }


def test_part_of_a_plan_counts_in_part() -> None:
    found = score(Wanted(plan=FACE), "plan", WHOLE, CATALOGUE)
    assert (found["exact"], found["node_f1"], found["argument_f1"]) == (0.0, 0.5, 0.0)
    assert found["edge_f1"] == pytest.approx(2 * 1 / (5 + 1))


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [("", "", None), ("ab", "ab", 1.0), ("aab", "ab", 0.8), ("a", "b", 0.0), ("a", "", 0.0)],
)
def test_f1_of_bags(wanted: str, given: str, expected: float | None) -> None:
    assert f1(wanted, given) == (None if expected is None else pytest.approx(expected))


def test_failures_and_wrong_refusals_are_zero() -> None:
    broken = PlanError([Problem("nonsense")])
    rows = asked(
        Scripted(broken, broken, broken, Refusal("this cannot be done: x"), FACE),
        Wanted(plan=FACE),
        Wanted(plan=FACE),
        Wanted(plan=FACE),
    )
    assert [row.answer for row in rows] == ["failed", "refuse", "plan"]
    assert figures(rows)["valid"] == pytest.approx(2 / 3)
    for name in ("exact", "node_f1", "edge_f1", "argument_f1"):
        assert figures(rows)[name] == pytest.approx(1 / 3), name
    exact = next(figure for figure in summarize(rows) if figure.name == "exact")
    assert (exact.items, exact.planned, exact.refused, exact.failed) == (3, 1, 1, 1)


def test_refusals_are_counted_in_both_directions() -> None:
    refusal, question = Refusal("no"), Refusal("which?", question="which?")
    rows = asked(
        Scripted(refusal, question, FACE, refusal),
        Wanted("refuse"),
        Wanted("refuse"),
        Wanted("refuse"),
        Wanted(plan=FACE),
    )
    found = figures(rows)
    assert (found["refusal precision"], found["refusal recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert [row.scores["exact"] for row in rows] == [1.0, 0.0, 0.0, 0.0]


def test_problems_go_back_and_repairs_are_counted() -> None:
    wrong = plan(step("blur", "blur", image="$nothing"))
    planner = Scripted(wrong, FACE)
    (row,) = asked(planner, Wanted(plan=FACE))
    assert (row.answer, row.repairs, row.prompt_tokens, row.answer_tokens) == ("plan", 1, 20, 10)
    assert planner.problems == [(), tuple(planner.problems[1])] or planner.problems[1]
    assert "'$nothing' is neither an input nor a step" in str(planner.problems[1][0])
    assert costs([row])["repairs a request"] == 1


def test_an_invalid_plan_never_counts() -> None:
    wrong = plan(step("blur", "blur", image="$nothing"))
    (row,) = asked(Scripted(wrong, wrong, wrong), Wanted(plan=wrong))
    assert (row.answer, row.scores["exact"], row.scores["valid"]) == ("failed", 0.0, 0.0)


def test_what_keeps_the_first_item_from_being_asked_is_raised() -> None:
    with pytest.raises(UsageError, match="no key"):
        asked(Scripted(UsageError("no key")), Wanted(plan=FACE))
    rows = asked(Scripted(FACE, ToolError("is busy")), Wanted(plan=FACE), Wanted(plan=FACE))
    assert [row.answer for row in rows] == ["plan", "failed"]


def test_figures_per_kind_and_samples() -> None:
    rows = asked(Scripted(FACE, GRAY), Wanted(plan=FACE), Wanted(plan=FACE))
    assert [(f.name, f.value) for f in by_kind(rows, "exact")] == [("kind 0", 1.0), ("kind 1", 0.0)]
    items = load_set("visprog", SAMPLES).items
    assert [item.id for item in sampled(items, 3)] == [items[0].id, items[3].id, items[6].id]
    assert sampled(items, 99) is items


@pytest.mark.parametrize("name", SETS)
def test_every_set_can_be_read(name: str) -> None:
    chosen = load_set(name, SAMPLES)
    assert chosen.items and len({item.id for item in chosen.items}) == len(chosen.items)
    for item in chosen.items:
        assert item.request and item.kind
        if item.wanted.plan:
            assert validate(item.wanted.plan, chosen.catalogue) == []


def test_a_set_without_its_files_says_where_they_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIPTYCH_EVALS", raising=False)
    with pytest.raises(UsageError, match=r"'gta_tools\.json'; it is made from GTA, https.*--data FOLDER or in"):
        load_set("gta")
    with pytest.raises(UsageError, match=r"there is no 'edit_instructions\.jsonl' in .*I2EBench"):
        load_set("edits", tmp_path)
    (tmp_path / "edit_instructions.jsonl").write_text('{"kind": "Lowlight", "instruction": "x"}\nnot json\n')
    with pytest.raises(UsageError, match="line 2, is not JSON"):
        load_set("edits", tmp_path)
    (tmp_path / "edit_instructions.jsonl").write_text('{"kind": "Other", "instruction": "x"}\n')
    with pytest.raises(UsageError, match="'edits' are not in the form of the public set: KeyError"):
        load_set("edits", tmp_path)
    with pytest.raises(UsageError, match="unknown set 'x'; known: held-out, strangers, edits"):
        load_set("x")
    monkeypatch.setenv("DIPTYCH_EVALS", str(SAMPLES))
    assert load_set("gta").items


def test_unknown_contenders_are_named() -> None:
    with pytest.raises(UsageError, match="unknown planner 'nobody'"):
        load_contender("nobody")


EXTERNAL: dict[str, Any] = {
    "tools": [
        {
            "name": "OCR",
            "description": "Read all text on the image.",
            "inputs": [{"name": "image", "type": "Image"}],
            "output": "Text",
        },
        {
            "name": "Speak",
            "description": "Say a text aloud.",
            "inputs": [
                {"name": "text", "type": "text"},
                {"name": "voice", "type": "text", "choices": ["low", "high"], "required": False, "default": "low"},
            ],
            "output": "Audio",
        },
        {
            "name": "Mix",
            "description": "Play several at once.",
            "inputs": [{"name": "parts", "type": "List[Audio]"}],
            "output": "Audio",
        },
    ]
}


def test_an_external_catalogue_is_one_like_ours() -> None:
    catalogue = external(EXTERNAL)
    right = plan(
        step("ocr", "OCR", image="$photo"),
        step("speak", "Speak", text="$ocr", voice="high"),
        step("mix", "Mix", parts=["$speak"]),
    )
    assert validate(right, catalogue) == []
    wrong = plan(step("speak", "Speak", text="$photo"), step("mix", "Mix", parts="$speak"))
    assert [problem.argument for problem in validate(wrong, catalogue)] == ["text", "parts"]
    assert facts_of(right, catalogue).edges[0] == ("photo", "OCR", "image")
    with pytest.raises(ToolError, match="'OCR' comes from a catalogue file"):
        catalogue["OCR"].function(image=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, r"tools\.0\.name: String should match"),
        ({"output": "text"}, r"tools\.0\.output"),
        ({"inputs": [{"name": "a", "type": "image"}]}, r"tools\.0\.inputs\.0\.type"),
        ({"inputs": [{"name": "a", "type": "Image"}, {"name": "a", "type": "text"}]}, "two inputs called 'a'"),
        ({"surprise": 1}, r"tools\.0\.surprise: Extra inputs"),
        ({"description": ""}, r"tools\.0\.description"),
    ],
)
def test_what_is_wrong_in_a_catalogue_file_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        external({"tools": [{**EXTERNAL["tools"][0], **change}]})
    with pytest.raises(UsageError, match="two tools are called 'OCR'"):
        external({"tools": [EXTERNAL["tools"][0]] * 2})
