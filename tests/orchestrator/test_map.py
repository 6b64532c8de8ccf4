"""One workflow over many pictures: names, rows, what is done again and what is not, whatever stops it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diptych.orchestrator import MapSummary, map_plan, read_provenance, run_plan
from diptych.orchestrator.mapping import mapped_input
from diptych.orchestrator.mapping_files import find_sources
from diptych.orchestrator.mapping_rows import Row, Rows, read_rows
from diptych.planners.plan import Plan, parse_plan
from diptych.tools.errors import PlanError, UsageError
from diptych.tools.images import load_image, save_image
from diptych.tools.values import Image
from tests.photos import photo

from .small_tools import CALLS, CATALOGUE, picture, plan
from .test_cli import COMMAND, GRAY, Cli, cli, kept  # noqa: F401 (fixtures)

LIGHTEN = plan(["a lighten image=$photo amount=5"], "a")


def fill(folder: Path, count: int = 4, start: int = 0) -> Path:
    """Write small pictures, each different, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        save_image(picture(number), folder / f"p{number}.png")
    return folder


class Desk:
    """Maps the pictures of one folder into another one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.photos, self.out = folder, folder / "photos", folder / "out"

    def map(self, document: Plan = LIGHTEN, files: Any = None, **options: Any) -> MapSummary:
        CALLS.clear()
        given = {"home": self.folder / "home", "catalogue": CATALOGUE, **options}
        return map_plan(document, files or self.photos, self.out, **given)

    def rows(self) -> dict[str, Row]:
        lines = list(read_rows(self.out / "map.jsonl"))
        rows = {Path(row.source).name: row for row in lines}
        assert len(lines) == len(rows), "one row per picture"
        return rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    fill(tmp_path / "photos")
    return Desk(tmp_path)


def counts(summary: MapSummary) -> tuple[int, int, int]:
    return summary.done, summary.skipped, summary.failed


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["photos"], ["a", "sea/b"]),
        (["photos/*.jpg"], ["a"]),
        (["photos/**/*.jpg"], ["a", "sea/b"]),
        (["photos/*/*.jpg"], ["sea/b"]),
        (["photos/sea"], ["b"]),
        (["photos/a.jpg", "photos/sea/b.jpg"], ["a", "b"]),
        (["photos/a.jpg", "photos"], ["a", "sea/b"]),
        (["photos/*.txt"], ["notes"]),
        (["odd/x[1].jpg"], ["x[1]"]),
    ],
)
def test_what_is_mapped_and_how_it_is_called(tmp_path: Path, given: list[str], names: list[str]) -> None:
    for name in ("photos/a.jpg", "photos/sea/b.jpg", "photos/notes.txt", "photos/.hidden.jpg", "odd/x[1].jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_sources([tmp_path / item for item in given], tmp_path / "out")
    assert [source.name for source in found] == names


def test_no_two_pictures_share_a_name(tmp_path: Path) -> None:
    for name in ("x/a.jpg", "y/A.jpg", "x/a.png", "x/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [source.name for source in find_sources([tmp_path / "x", tmp_path / "y"], tmp_path / "out")]
    assert len({name.casefold() for name in names}) == 4
    assert names[2] == "b" and all(len(name) == len("a-01234567") for name in names if name != "b")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [("nothing.jpg", "no file or folder"), ("*.gif", "leads to no picture"), ("out", "lie inside of")],
)
def test_what_leads_nowhere_is_named(tmp_path: Path, given: str, complaint: str) -> None:
    fill(tmp_path / "out")
    with pytest.raises(UsageError, match=complaint):
        find_sources([tmp_path / given], tmp_path / "out")


def test_each_picture_becomes_what_run_would_write(desk: Desk, tmp_path: Path) -> None:
    assert counts(desk.map()) == (4, 0, 0)
    for name, row in desk.rows().items():
        result = run_plan(LIGHTEN, {"photo": desk.photos / name}, home=tmp_path / "other", catalogue=CATALOGUE)
        result.save(tmp_path / "alone.png")
        assert row.outputs == [name] and row.status == "done" and row.computed == 1
        assert (desk.out / name).read_bytes() == (tmp_path / "alone.png").read_bytes()
        assert read_provenance(desk.out / name).inputs["photo"]["file"] == name


def test_a_bad_file_stops_nothing_and_is_tried_again(desk: Desk) -> None:
    (desk.photos / "bad.jpg").write_text("hello")
    summary = desk.map()
    assert counts(summary) == (4, 0, 1)
    assert "not a picture" in summary.problems[0] and "bad.jpg" in summary.problems[0]
    assert desk.rows()["bad.jpg"].status == "failed"
    save_image(picture(77), desk.photos / "bad.jpg")
    assert counts(desk.map()) == (1, 4, 0)
    assert desk.rows()["bad.jpg"].status == "done"


def test_a_failed_step_is_named(desk: Desk) -> None:
    summary = desk.map(plan(["a lighten image=$photo", "b refuse image=$a"], "b"))
    assert counts(summary) == (0, 0, 4)
    assert "step 'b'" in desk.rows()["p0.png"].problems[0] and "try another page" in desk.rows()["p0.png"].problems[0]
    assert not list(desk.out.glob("*.png"))


def change_source(desk: Desk) -> None:
    save_image(picture(50), desk.photos / "p1.png")


def lose_output(desk: Desk) -> None:
    (desk.out / "p1.png").unlink()


def tear_rows(desk: Desk) -> None:
    rows = desk.out / "map.jsonl"
    rows.write_bytes(rows.read_bytes()[:-20])


@pytest.mark.parametrize("damage", [change_source, lose_output, tear_rows])
def test_only_what_is_not_done_is_done_again(desk: Desk, damage: Any) -> None:
    desk.map()
    before = (desk.out / "map.jsonl").read_bytes()
    assert counts(desk.map()) == (0, 4, 0) and (desk.out / "map.jsonl").read_bytes() == before
    damage(desk)
    assert counts(desk.map()) == (1, 3, 0)
    assert len(desk.rows()) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"document": plan(["a lighten image=$photo amount=6"], "a")},
        {"format": "jpg"},
        {"metadata": False},
        {"fresh": True},
    ],
)
def test_another_job_is_done_anew(desk: Desk, options: dict[str, Any]) -> None:
    desk.map()
    assert counts(desk.map(**options)) == (4, 0, 0)
    assert len(desk.rows()) == 4


def test_rows_of_other_pictures_stay(desk: Desk) -> None:
    desk.map()
    more = fill(desk.folder / "more", 2, start=10)
    assert counts(desk.map(files=[more])) == (2, 0, 0)
    assert len(desk.rows()) == 6


def test_several_outputs_lists_masks_and_answers(desk: Desk) -> None:
    lines = ["h halves image=$photo", "m bright image=$photo", "n mean image=$photo"]
    desk.map(plan(lines, "h m n photo", [{"check": "is_bright", "image": "$photo"}]))
    row = desk.rows()["p3.png"]
    assert row.outputs == ["p3-h-1.png", "p3-h-2.png", "p3-m.png", "p3-photo.png"]
    assert row.answer == "36" and row.checks[0]["passed"] is False
    assert set(np.unique(load_image(desk.out / "p3-m.png").rgb)) == {0, 255}


@pytest.mark.parametrize(
    ("inputs", "input", "others", "expected"),
    [
        ({"photo": "Image"}, None, {}, "photo"),
        ({"photo": "Image", "words": "Text"}, None, {"words": "hi"}, "photo"),
        ({"photo": "Image", "logo": "Image"}, None, {"logo": 1}, "photo"),
        ({"photo": "Image", "logo": "Image"}, "logo", {}, "logo"),
        ({"photo": "Image", "logo": "Image"}, None, {}, "photo (Image), logo (Image)"),
        ({"photo": "Image"}, "foto", {}, "no Image called 'foto'"),
        ({"photo": "Image"}, "photo", {"photo": 1}, "cannot be given as well"),
        ({"words": "Text"}, None, {}, "words (Text)"),
    ],
)
def test_which_input_is_mapped(
    inputs: dict[str, str], input: str | None, others: dict[str, Any], expected: str
) -> None:
    document = parse_plan({"inputs": inputs})
    try:
        assert mapped_input(document, input, others) == expected
    except UsageError as error:
        assert expected in str(error)


def test_other_inputs_are_the_same_for_all(desk: Desk) -> None:
    document = parse_plan(
        {
            "inputs": {"photo": "Image", "logo": "Image"},
            "steps": [{"id": "a", "tool": "join", "args": {"images": ["$photo", "$logo"]}}],
            "outputs": ["$a"],
        }
    )
    desk.map(document, input="photo", others={"logo": picture(9, width=3)})
    assert load_image(desk.out / "p0.png").size_wh == (9, 4)
    assert counts(desk.map(document, input="photo", others={"logo": picture(8, width=3)})) == (4, 0, 0)


def test_a_plan_that_cannot_run_touches_nothing(desk: Desk) -> None:
    with pytest.raises(PlanError, match="nothing"):
        desk.map(plan(["a lighten image=$nothing"], "a"))
    assert not desk.out.exists()


def test_two_maps_do_not_write_into_one_folder(desk: Desk) -> None:
    desk.map()
    with Rows(desk.out / "map.jsonl"), pytest.raises(UsageError, match="another map"):
        desk.map()


def test_a_cancelled_map_goes_on_later(desk: Desk) -> None:
    fill(desk.photos, 30, start=4)
    cancel = threading.Event()

    def stop(row: Row, summary: MapSummary) -> None:
        if summary.ended == 5:
            cancel.set()

    summary = desk.map(on_row=stop, cancel=cancel)
    assert summary.cancelled and 5 <= summary.done < 34 and summary.failed == 0
    rest = desk.map()
    assert (rest.cancelled, rest.done + rest.skipped, rest.skipped) == (False, 34, summary.done)


def test_the_table_holds_the_rows(desk: Desk) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (desk.photos / "p0.png").rename(desk.photos / os.fsdecode(b"p\xff.png"))
    document = plan(["a lighten image=$photo"], "a", [{"check": "is_bright", "image": "$a"}])
    summary = desk.map(document, parquet=True)
    assert summary.table is not None
    table = sorted(parquet.read_table(summary.table).to_pylist(), key=lambda row: str(row["source"]))
    assert [row["source"].rpartition("/")[2] for row in table] == ["p1.png", "p2.png", "p3.png", "p?.png"]
    assert table[0]["checks"][0]["passed"] is False and json.loads(table[0]["checks"][0]["args"]) == {"image": "$a"}


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    desk, size = Desk(tmp_path), 400 * 400 * 3
    desk.photos.mkdir()
    for number in range(80):
        save_image(Image(np.full((400, 400, 3), number, np.uint8)), desk.photos / f"{number}.png")
    document = plan(["h halves image=$photo", "j join images=$h"], "j")
    desk.map(document, use_store=False)
    tracemalloc.start()
    desk.map(document, use_store=False, fresh=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * size, f"{peak / size:.0f} pictures were held at once"


def test_a_killed_map_goes_on_where_it_was(desk: Desk) -> None:
    fill(desk.photos, 60, start=4)
    program = (
        "from pathlib import Path; from tests.orchestrator.test_map import Desk, plan\n"
        f"Desk(Path({str(desk.folder)!r})).map(plan(['a slow image=$photo parts=10'], 'a'))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    rows = desk.out / "map.jsonl"
    while not rows.exists() or rows.read_bytes().count(b"\n") < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (desk.out / ".diptych-0.part").touch()
    summary = desk.map(plan(["a slow image=$photo parts=10"], "a"))
    assert summary.done + summary.skipped == 64 and summary.skipped >= 5 and CALLS["slow"] <= summary.done
    assert len(desk.rows()) == 64 and not list(desk.out.glob(".diptych*"))


# The command


def test_the_command_maps_a_folder(cli: Cli) -> None:  # noqa: F811
    fill(cli.folder / "photos")
    (cli.folder / "photos" / "bad.png").write_text("hello")
    words = ("map", "--workflow", cli.workflow(), "photos/*.png", "--out", "out")
    done = cli(*words)
    assert (done.returncode, done.stdout) == (1, "4 edited, 1 failed: out\n"), done.stderr
    assert "photos/bad.png" in done.stderr and "once more" in done.stderr
    (cli.folder / "photos" / "bad.png").unlink()
    again = cli(*words, "--json")
    document = json.loads(again.stdout)
    assert (again.returncode, document["status"], document["outputs"]) == (0, "done", ["out/map.jsonl"])
    assert document["pictures"] == {
        **{"total": 4, "done": 0, "skipped": 4, "failed": 0, "remaining": 0, "with_failed_checks": 0}
    }


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["none.jpg"], 2, "no file or folder"),
        (["photos", "--format", "gif"], 2, "png, jpg, webp"),
        (["photos", "--with", "logo"], 2, "NAME=FILE"),
        (["photos", "--with", "logo=x.png"], 2, "no input 'logo'"),
        (["photos", "--input", "logo"], 2, "no Image called 'logo'"),
        (["photos", "--jobs", "0"], 2, "--jobs"),
        (["photos", "--step-timeout", "0"], 2, "above 0"),
        (["photos", "--retries", "-1"], 2, "0 or more"),
        (["photos", "--on", "moon"], 2, "ray://HOST:PORT"),
    ],
)
def test_wrong_calls_are_explained(cli: Cli, words: list[str], code: int, complaint: str) -> None:  # noqa: F811
    fill(cli.folder / "photos", 1)
    done = cli("map", "--workflow", cli.workflow(), "--out", "out", *words)
    assert done.returncode == code and complaint in done.stderr, done.stderr
    assert not (cli.folder / "out" / "map.jsonl").exists()


def test_ctrl_c_ends_in_good_order(cli: Cli) -> None:  # noqa: F811
    (cli.folder / "photos").mkdir()
    pixels = np.array(photo("coffee").pixels)
    (cli.folder / "gray.json").write_text(json.dumps(GRAY))
    for attempt in range(5):  # on a busy machine all may be edited before the signal is seen: then others
        for number in range(40):
            pixels[0, 0] = number, attempt, 0
            save_image(Image(pixels.copy()), cli.folder / "photos" / f"{number}.jpg")
        command = [*COMMAND, "map", "--workflow", "gray.json", "photos", "--out", f"out{attempt}"]
        rows = cli.folder / f"out{attempt}" / "map.jsonl"
        process = subprocess.Popen(command, cwd=cli.folder, env=cli.env, stderr=subprocess.PIPE, text=True)
        while not rows.exists() or not rows.read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
        if process.returncode:
            break
    assert process.returncode == 130 and "give the same command again" in told, told
    finished = len(list(read_rows(rows)))
    done = subprocess.run(command, cwd=cli.folder, env=cli.env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"{40 - finished} edited, {finished} done before: out{attempt}\n"
