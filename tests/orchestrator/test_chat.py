"""The command `chat` in a process of its own, with piped requests, and what Ctrl-C does to a request."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import Session
from diptych.orchestrator.cli_chat import answer
from diptych.orchestrator.cli_console import Surface
from diptych.orchestrator.cli_work import Job
from diptych.planners.plan import Plan
from diptych.tools.images import load_image

from .small_tools import CATALOGUE, picture
from .test_cli import PHOTO, Cli, new_home


@pytest.fixture
def cli(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(tmp_path, new_home(tmp_path_factory))


def chat(cli: Cli, requests: Sequence[str], *words: str) -> subprocess.CompletedProcess[str]:
    """Pipe requests into the command."""
    done = subprocess.run(
        [*cli.command, "chat", *words],
        input="\n".join(requests),
        cwd=cli.folder,
        env=cli.env,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def test_the_embedded_planner_edits_and_the_session_adjusts(cli: Cli) -> None:
    (cli.folder / "cat.png").write_bytes(Path(PHOTO).read_bytes())
    done = chat(
        cli, ["make it darker", "a bit less", "add a red border", "undo", "save as b.png"], "cat.png", "-o", "a.png"
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "a.png" and said[1].startswith("adjust: brightness -") and said[-1] == "saved as b.png"
    assert "back at: a bit less" in said
    assert (cli.folder / "a.png").read_bytes() == (cli.folder / "b.png").read_bytes()
    assert load_image(cli.folder / "a.png").rgb.mean() < load_image(PHOTO).rgb.mean()
    assert cli("replay", "a.png", "-o", "c.png").returncode == 0
    assert (cli.folder / "c.png").read_bytes() == (cli.folder / "a.png").read_bytes()


def test_json_is_one_object_a_request(cli: Cli) -> None:
    requests = ["make it gray", "", "a bit less", "undo", "undo", "quit", "undo"]
    done = chat(cli, requests, PHOTO, "--planner", f"workflow:{cli.workflow()}", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["request"], each["status"]) for each in told] == [
        ("make it gray", "done"),
        ("a bit less", "refused"),
        ("undo", "done"),
        ("undo", "refused"),
    ]
    assert told[0]["outputs"] == ["chelsea-diptych.png"] and told[0]["plan"]["steps"][0]["tool"] == "grayscale"
    assert told[1]["said"] == "'grayscale' has no amount that could be less; say what to change"


def test_what_fails_leaves_the_session_going(cli: Cli) -> None:
    requests = ["undo", "save as no/such/folder/x.png", "make it gray"]
    done = chat(cli, requests, PHOTO, "--planner", f"workflow:{cli.workflow()}", "-o", "a.png")
    assert done.returncode == 1 and done.stdout == "a.png\n"
    assert "nothing to undo" in done.stderr and "there is no folder 'no/such/folder'" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing.png",), "nothing.png"),
        ((PHOTO, "-o", "a.txt"), "with the suffix '.txt'"),
        ((PHOTO, "--planner", "nobody"), "unknown planner 'nobody'"),
        ((PHOTO, "--profile", "embeded"), "did you mean 'embedded'"),
    ],
)
def test_wrong_usage_is_named_at_once(cli: Cli, words: tuple[str, ...], message: str) -> None:
    done = chat(cli, ["make it gray"], *words)
    assert done.returncode == 2 and message in done.stderr and not done.stdout


def test_ctrl_c_while_it_plans_stops_the_request_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Stopped:
        def plan(self, *given: Any, **named: Any) -> Plan:
            raise KeyboardInterrupt

    session = Session(picture(), planner=Stopped(), catalogue=CATALOGUE, home=tmp_path)
    reply = answer(session, "lighten it", tmp_path / "a.png", Job(), Surface())
    assert reply.status == "cancelled" and "stopped; nothing was changed" in capsys.readouterr().err
    assert session.say("undo").status == "refused"
