"""`auto` on the command line: what it says, when it asks, what it downloads. Only the GPU is made up."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator import Provenance, read_provenance, run_plan
from diptych.orchestrator.api import history
from diptych.orchestrator.provenance import write_image
from diptych.planners.plan import parse_plan
from diptych.tools.hardware import Card, Hardware
from diptych.tools.images import load_image
from diptych.tools.profiles import choosing
from tests.hub_server import Hub, hub_server

from .test_cli import GRAY, PHOTO, Cli, kept  # noqa: F401

ON_A_GPU = """
from diptych.tools.hardware import Card, Hardware
from diptych.tools.profiles import choosing
choosing.look = lambda: Hardware("cuda", (Card("Some GPU", 24_000),))
from diptych.orchestrator.cli import main
main()
"""
MISSING = "profile embedded: cuda with 23 GB would allow gpu-24gb, whose weights"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server() as server:
        yield server


@pytest.fixture
def cli(tmp_path: Path, kept: Path, hub: Hub) -> Cli:  # noqa: F811
    (tmp_path / "here").mkdir()
    made = Cli(tmp_path / "here", kept)
    made.env |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hub"), "HF_TOKEN": ""}
    del made.env["DIPTYCH_PROFILE"]
    made.command = [made.command[0], "-c", ON_A_GPU]
    return made


def at_terminal(cli: Cli, answer: bytes, *words: str) -> tuple[int, str, str]:
    """Call the command with a person at stdin and stderr who has typed an answer; return code, stdout and stderr."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    process = subprocess.Popen(
        [*cli.command, *words], cwd=cli.folder, env=cli.env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # the end, on Linux
        pass
    os.close(ours)
    out = process.communicate()[0]
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return process.returncode, out.decode(), " ".join(plain.split())


def edit(cli: Cli, *words: str) -> list[str]:
    return ["run", "--workflow", cli.workflow(), PHOTO, "-o", "out.png", *words]


def test_without_a_person_it_takes_what_is_there_and_says_so_once(cli: Cli, hub: Hub) -> None:
    done = cli(*edit(cli))
    assert (done.returncode, done.stdout) == (0, "out.png\n"), done.stderr
    assert done.stderr.count(MISSING) == 1 and "'diptych fetch --profile gpu-24gb' gets them" in done.stderr
    assert read_provenance(cli.folder / "out.png").profile == "embedded" and hub.asked == []


def test_json_quiet_and_offline_do_not_ask_either(cli: Cli, hub: Hub) -> None:
    code, out, err = at_terminal(cli, b"y\n", *edit(cli, "--json"))
    assert code == 0 and MISSING in json.loads(out)["notes"][0] and "Download" not in err
    code, out, err = at_terminal(cli, b"y\n", *edit(cli, "--quiet"))
    assert (code, out) == (0, "out.png\n") and "Download" not in err
    cli.env["HF_HUB_OFFLINE"] = "1"
    code, out, err = at_terminal(cli, b"y\n", *edit(cli))
    assert (code, out) == (0, "out.png\n") and "Download" not in err and MISSING in err
    assert hub.asked == []


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "enter", "end"])
def test_a_person_may_say_no(cli: Cli, hub: Hub, answer: bytes) -> None:
    code, out, err = at_terminal(cli, answer, *edit(cli))
    assert (code, out) == (0, "out.png\n"), err
    assert err.count("Download") == 1 and "GB for gpu-24gb now? [y/n] (n)" in err
    assert "black-forest-labs/FLUX.2-klein-4B (Apache-2.0)" in err
    assert read_provenance(cli.folder / "out.png").profile == "embedded" and hub.asked == []


def test_a_map_asks_before_it_refuses_what_the_better_profile_could_do(cli: Cli) -> None:
    draw = {"id": "gray", "tool": "edit", "args": {"image": "$photo", "instruction": "make it winter"}}
    words = ["map", "--workflow", cli.workflow(steps=[draw]), "--out", "out", PHOTO]
    code, _, err = at_terminal(cli, b"n\n", *words)
    assert code == 3 and err.count("Download") == 1 and "has no instruct editor" in err.partition("now?")[2], err


def test_a_person_may_say_yes(cli: Cli, hub: Hub, tmp_path: Path) -> None:
    code, out, err = at_terminal(cli, b"y\n", *edit(cli))
    assert (code, out) == (0, "out.png\n"), err
    assert read_provenance(cli.folder / "out.png").profile == "gpu-24gb"
    names = {path.name for path in (tmp_path / "hub" / "hub").rglob("snapshots/*/*")}
    assert names == {"config.json", "model.safetensors"}, "no pickle, and no code"
    seen = len(hub.asked)
    code, out, err = at_terminal(cli, b"", *edit(cli))
    assert code == 0 and "Download" not in err and len(hub.asked) == seen, "it is not asked, or fetched, again"
    assert "profile gpu-24gb: the best for cuda with 23 GB, and its weights are here" in err


def test_a_download_that_fails_leaves_what_is_there(cli: Cli) -> None:
    cli.env["HF_ENDPOINT"] = "http://127.0.0.1:9"  # nobody listens there
    code, out, err = at_terminal(cli, b"y\n", *edit(cli))
    assert (code, out) == (0, "out.png\n") and "cannot be had from the hub" in err
    assert read_provenance(cli.folder / "out.png").profile == "embedded"


def test_the_doctor_and_the_plan_say_which_and_why(cli: Cli) -> None:
    done = cli("doctor")
    assert done.returncode == 0 and MISSING in done.stdout, done.stdout
    assert "would allow gpu-24gb" in json.loads(cli("doctor", "--json").stdout)["reason"]
    done = cli("plan", "--workflow", cli.workflow(), PHOTO)
    assert done.returncode == 0 and done.stderr.count(MISSING) == 1, done.stderr
    done = cli("map", "--workflow", cli.workflow(), "--out", "out", PHOTO)
    assert done.returncode == 0 and done.stderr.count(MISSING) == 1, done.stderr


def test_the_environment_overrides(cli: Cli) -> None:
    cli.env["DIPTYCH_PROFILE"] = "tiny"
    done = cli(*edit(cli))
    assert done.returncode == 0 and done.stderr == ""
    assert read_provenance(cli.folder / "out.png").profile == "tiny"
    cli.env["DIPTYCH_PROFILE"] = "huge"
    done = cli(*edit(cli))
    assert done.returncode == 2 and "$DIPTYCH_PROFILE: unknown profile 'huge'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_fetch_brings_what_a_profile_takes_from_the_hub(cli: Cli, tmp_path: Path) -> None:
    profile = (
        "summary: x\ncapabilities: {classifier: {adapter: clip, source: org/name, download_mb: 5, licence: MIT}}\n"
    )
    (cli.folder / "own.yaml").write_text(profile)
    assert "'diptych fetch --profile FILE.yaml'" in cli("doctor", "--profile", "own.yaml").stdout
    done = cli("fetch", "--profile", "own.yaml")
    assert done.returncode == 0 and "org/name: fetched" in done.stdout and "MIT" in done.stderr, done.stderr
    done = cli("fetch", "--profile", "own.yaml", "--json")
    assert Path(json.loads(done.stdout)["weights"]["org/name"]).is_relative_to(tmp_path / "hub")
    assert "org/name: was there already" in cli("fetch", "--profile", "own.yaml").stdout
    (cli.folder / "own.yaml").write_text(profile.replace("org/name", "org/other"))
    cli.env["HF_HUB_OFFLINE"] = "1"
    done = cli("fetch", "--profile", "own.yaml")
    assert done.returncode == 1 and "'org/other' cannot be had from the hub" in done.stderr


ASKING = {"id": "sort", "tool": "classify", "args": {"image": "$photo", "labels": ["cat", "dog"]}}
OWN = "summary: x\ncapabilities: {classifier: {adapter: clip, source: org/name, download_mb: 5000, licence: MIT}}\n"


@pytest.fixture
def asking(cli: Cli) -> str:
    """A workflow that needs a model from the hub; `own.yaml` says which."""
    (cli.folder / "own.yaml").write_text(OWN)
    return cli.workflow("ask.json", steps=[ASKING], outputs=["$sort"])


def test_a_profile_that_is_named_is_not_downloaded_unasked(cli: Cli, hub: Hub, asking: str) -> None:
    named = ["--profile", "own.yaml", "-o", "out.png"]
    done = cli("run", "--workflow", asking, PHOTO, *named)
    assert done.returncode == 2 and "'own' needs weights that are not here (5.0 GB); give --yes" in done.stderr
    code, _, err = at_terminal(cli, b"n\n", "run", "--workflow", asking, PHOTO, *named)
    assert code == 2 and "Download 5.0 GB for own now? [y/n] (n)" in err and "org/name (MIT)" in err
    cli.env["DIPTYCH_PROFILE"] = "own.yaml"
    done = cli("map", "--workflow", asking, "--out", "out", PHOTO)
    assert done.returncode == 2 and "give --yes" in done.stderr and hub.asked == []
    done = cli("run", "--workflow", cli.workflow(), PHOTO, *named)
    assert done.returncode == 0 and hub.asked == [], "this one needs no model"


def test_with_yes_or_a_persons_word_it_is(cli: Cli, hub: Hub, asking: str) -> None:
    named = ["--profile", "own.yaml"]
    done = cli("run", "--workflow", asking, PHOTO, "--yes", *named)
    assert done.returncode == 1 and "org/name" in done.stderr, "what this hub serves is no model"
    assert any(path.startswith("/org/name/resolve") for path in hub.asked)
    hub.asked.clear()
    code, _, err = at_terminal(cli, b"y\n", "run", "--workflow", asking, PHOTO, *named)
    assert code == 1 and err.count("Download") == 1 and hub.asked != []


def test_a_strangers_picture_downloads_nothing(cli: Cli, hub: Hub, asking: str) -> None:
    plan = parse_plan({**json.loads((cli.folder / asking).read_text()), "outputs": ["$photo", "$sort"]})
    write_image(load_image(PHOTO), cli.folder / "strange.png", Provenance(plan, "gpu-16gb"))
    done = cli("replay", "strange.png", "--input", f"photo={PHOTO}", "-o", "again.png")
    assert done.returncode == 2 and "profile 'gpu-16gb' needs weights that are not here (1.6 GB)" in done.stderr
    assert hub.asked == [] and not (cli.folder / "again.png").exists()


def test_from_python_it_is_a_note_and_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIPTYCH_PROFILE")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    monkeypatch.setattr(choosing, "look", lambda: Hardware("cuda", (Card("Some GPU", 24_000),)))
    events: list[Any] = []
    result = run_plan(parse_plan(GRAY), {"photo": PHOTO}, home=tmp_path, on_event=events.append)
    assert result.status == "done" and [MISSING in line for line in result.notes] == [True]
    assert [event.facts["warning"] for event in events if event.kind == "note"] == list(result.notes)
    start = history(tmp_path).replay(result.run_id)[0].facts
    assert start["profile"] == "embedded" and "would allow gpu-24gb" in start["why this profile"]
