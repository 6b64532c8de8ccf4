"""Plans in files, good ones and bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.planners.planner import Planner, input_names, load_planner
from diptych.planners.workflow import WorkflowPlanner, load_workflow, save_workflow
from diptych.tools.errors import PlanError, Problem, UsageError
from tests.photos import photo
from tests.planners.plans import CATALOGUE, DOG_TO_CAT, plan, step

SHARED = ["$photo"]


@pytest.mark.parametrize("name", ["edit.json", "edit.yaml", "edit.yml"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    save_workflow(DOG_TO_CAT, tmp_path / name)
    assert load_workflow(tmp_path / name) == DOG_TO_CAT
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_equal_values_are_written_out(tmp_path: Path) -> None:
    """PyYAML would write an alias for the second list, which the reader refuses."""
    twice = plan(step("a", "collage", images=SHARED), step("b", "collage", images=SHARED), outputs=["$a", "$b"])
    save_workflow(twice, tmp_path / "edit.yaml")
    assert load_workflow(tmp_path / "edit.yaml") == twice


def test_a_hand_written_file(tmp_path: Path) -> None:
    path = tmp_path / "edit.yaml"
    path.write_text(
        "inputs: {photo: Image}\n"
        "steps:\n"
        "  - {id: out, tool: blur, args: {image: $photo, strength: 30}}\n"
        "outputs: [$out]\n"
    )
    assert load_workflow(path) == plan(step("out", "blur", image="$photo", strength=30))


UNREADABLE = {
    "twice.yaml": (
        b"outputs: []\noutputs: [$a]\n",
        "workflow 'twice.yaml' cannot be read: the key 'outputs' is given twice",
    ),
    "twice.json": (b'{"a": 1, "a": 2}', "workflow 'twice.json' cannot be read: the key 'a' is given twice"),
    "bomb.yaml": (
        b"request: &a [x, x]\nsteps: [*a, *a]\n",
        "workflow 'bomb.yaml' cannot be read: aliases (*name) are not allowed; write the value again",
    ),
    "code.yaml": (
        b"request: !!python/object/apply:os.system [ls]\n",
        "workflow 'code.yaml' cannot be read: could not determine a constructor",
    ),
    "date.yaml": (
        b"request: 2026-01-01\n",
        "workflow 'date.yaml' cannot be read: Object of type date is not JSON serializable",
    ),
    "nan.yaml": (
        b"request: .nan\n",
        "workflow 'nan.yaml' cannot be read: Out of range float values are not JSON compliant",
    ),
    "keys.yaml": (b"? [a]\n: b\n", "workflow 'keys.yaml' cannot be read: "),
    "broken.yaml": (b"a: [\n", "workflow 'broken.yaml' cannot be read: while parsing"),
    "broken.json": (b'{"a": ', "workflow 'broken.json' cannot be read: Expecting value"),
    "binary.yaml": (b"\xff\xfe\x00", "workflow 'binary.yaml' is not text in UTF-8"),
    "large.json": (b" " * 1_000_001, "workflow 'large.json' is larger than 1,000,000 bytes"),
    "deep.yaml": (b"[" * 20_000, "workflow 'deep.yaml' cannot be read: it is nested too deeply"),
    "deep.json": (b"[" * 200_000, "workflow 'deep.json' cannot be read: it is nested too deeply"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_files(tmp_path: Path, name: str) -> None:
    data, message = UNREADABLE[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError) as caught:
        load_workflow(tmp_path / name)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("data", [b"", b"just words", b"[1, 2]", b"steps: 5"])
def test_files_that_hold_no_plan(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "edit.yaml").write_bytes(data)
    with pytest.raises(PlanError, match=r"^plan field "):
        load_workflow(tmp_path / "edit.yaml")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml' cannot be read: No such file"):
        load_workflow(tmp_path / "gone.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load_workflow(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"), [("edit.txt", "must end in .json, .yaml, .yml"), ("no/edit.json", "cannot be written")]
)
def test_unwritable_files(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        save_workflow(DOG_TO_CAT, tmp_path / name)


def test_the_planner_gives_the_plan_of_the_file(tmp_path: Path) -> None:
    save_workflow(DOG_TO_CAT, tmp_path / "edit.yaml")
    planner = load_planner(f"workflow:{tmp_path / 'edit.yaml'}")
    assert planner.plan("", [photo("cat")], CATALOGUE) == DOG_TO_CAT
    assert planner.plan("once more", [], CATALOGUE).request == "once more"
    with pytest.raises(UsageError, match=r"takes 1 images \(photo\), but 2 are given"):
        planner.plan("", [photo("cat")] * 2, CATALOGUE)
    with pytest.raises(PlanError, match="too blue"):
        planner.plan("", [], CATALOGUE, problems=[Problem("too blue")])


@pytest.mark.parametrize("spec", ["", "gpt", "openai", "openai:", "embedded:x", "workflow:", "local", "OPENAI:x"])
def test_unknown_planners(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_planner(spec)
    known = "embedded, openai:MODEL[@BASE_URL], local:PATH_OR_ID, workflow:FILE"
    assert str(caught.value) == f"unknown planner {spec!r}; known: {known}"


@pytest.mark.parametrize(
    "spec", ["embedded", "openai:m@http://localhost:1/v1", "local:org/name@main", "workflow:a.yaml"]
)
def test_known_planners_load_nothing_yet(spec: str) -> None:
    assert isinstance(load_planner(spec), Planner)


def test_the_planner_is_one(tmp_path: Path) -> None:
    assert isinstance(WorkflowPlanner(tmp_path), Planner)


@pytest.mark.parametrize(("count", "names"), [(0, []), (1, ["photo"]), (3, ["photo", "photo2", "photo3"])])
def test_input_names(count: int, names: list[str]) -> None:
    assert input_names(count) == names
