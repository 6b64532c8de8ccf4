"""`diptych eval plan` and `diptych library`, in a process of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.orchestrator.test_cli import Cli, new_home

SAMPLES = str(Path(__file__).parent.parent / "planners" / "evals")


@pytest.fixture
def cli(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(tmp_path, new_home(tmp_path_factory))


def test_figures_rows_and_coverage(cli: Cli) -> None:
    """A workflow is a planner too: this one makes a picture gray, which is right for none, and takes only one."""
    words = ("eval", "plan", "--set", "visprog", "--data", SAMPLES, "--planner", f"workflow:{cli.workflow()}")
    done = cli(*words, "--limit", "4", "--out", "rows.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["items"] == {"asked": 4, "chosen": 4, "in the set": 9}
    figures = {figure["name"]: figure for figure in told["figures"]}
    assert (figures["valid"]["value"], figures["job"]["value"]) == (0.75, 0.0)
    assert (figures["job"]["planned"], figures["job"]["refused"], figures["job"]["failed"]) == (3, 0, 1)
    rows = [json.loads(line) for line in (cli.folder / "rows.jsonl").read_text().splitlines()]
    assert len(rows) == 4
    assert {"request", "wanted", "given", "scores", "seconds"} <= rows[0].keys()
    assert rows[0]["given"]["steps"][0]["tool"] == "grayscale"
    table = cli(*words, "--limit", "2")
    assert "planned by workflow:" in table.stdout and "refused" in table.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "gta"), "the set needs 'gta_tools.json'; it is made from GTA"),
        (("--set", "nothing"), "unknown set 'nothing'; known: held-out, strangers, edits"),
        (("--planner", "nobody"), "unknown planner 'nobody'"),
        (("--out", "no/such/folder/rows.jsonl"), "there is no folder 'no/such/folder'"),
        (("--limit", "0"), "Invalid value for '--limit'"),
    ],
)
def test_wrong_usage_is_named(cli: Cli, words: tuple[str, ...], message: str) -> None:
    done = cli("eval", "plan", *words)
    assert done.returncode == 2 and message in done.stderr


def test_the_library_grows_with_runs_and_can_be_cleared(cli: Cli) -> None:
    from tests.orchestrator.test_cli import PHOTO

    assert json.loads(cli("library", "--json").stdout)["plans"] == 0
    cli("run", "make it gray", PHOTO, "--planner", f"workflow:{cli.workflow()}", "-o", "a.png")
    cli("run", "make it grey", PHOTO, "--planner", f"workflow:{cli.workflow()}", "-o", "b.png", "--no-cache")
    assert json.loads(cli("library", "--json").stdout)["plans"] == 1
    assert cli("library", "--clear").stdout == "plans forgotten: 1\n"
    assert cli("library").stdout.startswith("plans kept: 0, in ")
