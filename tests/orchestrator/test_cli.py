"""The real command in a process of its own: what it prints where, its exit codes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PIL

from diptych.orchestrator.api import history
from diptych.tools.images import load_image
from diptych.tools.weights import home
from tests.photos import photo, photo_path

COMMAND = [sys.executable, "-c", "from diptych.orchestrator.cli import main; main()"]
PHOTO = str(photo_path("cat"))
GRAY: dict[str, Any] = {
    "request": "make it gray",
    "inputs": {"photo": "Image"},
    "steps": [{"id": "gray", "tool": "grayscale", "args": {"image": "$photo"}}],
    "outputs": ["$gray"],
}


def new_home(parent: pytest.TempPathFactory) -> Path:
    """Return a home folder of its own, with the weights of the real one."""
    folder = parent.mktemp("home")
    weights = home() / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    (folder / "weights").symlink_to(weights)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_home(tmp_path_factory)


class Cli:
    """Calls the command in a folder."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self.command = folder, COMMAND
        self.env = {**os.environ, "DIPTYCH_HOME": str(kept), "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.command, *words], cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert "Traceback" not in done.stderr + done.stdout
        return done

    def workflow(self, name: str = "edit.json", **changes: Any) -> str:
        (self.folder / name).write_text(json.dumps({**GRAY, **changes}))
        return name


@pytest.fixture
def cli(tmp_path: Path, kept: Path) -> Cli:
    return Cli(tmp_path, kept)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_workflow_edits_a_photo(cli: Cli) -> None:
    done = cli("run", "--workflow", cli.workflow(), "--input", f"photo={PHOTO}", "-o", "out.png")
    assert (done.returncode, done.stdout) == (0, "out.png\n"), done.stderr
    red, green, blue = load_image(cli.folder / "out.png").rgb[100, 100]
    assert red == green == blue


def test_json_is_one_object_and_the_second_run_is_known(cli: Cli) -> None:
    words = ("run", "--workflow", cli.workflow(), PHOTO, "-o", "out.png", "--json")
    for _ in range(2):
        done = cli(*words)
        answer = json.loads(done.stdout)
        assert done.stdout.count("\n") == 1
        assert list(answer)[:2] == ["status", "answer"]
        assert {"status", "answer", "outputs", "plan", "checks", "problems", "seconds"} <= answer.keys()
        assert answer["status"] == "done" and answer["outputs"] == ["out.png"]
        assert answer["plan"]["steps"][0]["tool"] == "grayscale"


def test_replay_gives_the_same_bytes_and_runs_nothing_unless_asked(cli: Cli) -> None:
    (cli.folder / "cat.png").write_bytes(Path(PHOTO).read_bytes())
    cli("run", "--workflow", cli.workflow(), "cat.png", "-o", "out.png")
    shown = cli("replay", "out.png")
    assert shown.returncode == 0 and "grayscale" in shown.stdout and "-o" in shown.stderr
    for extra in ([], ["--no-cache"], ["--input", "photo=cat.png"]):
        done = cli("replay", "out.png", "-o", "again.png", *extra)
        assert done.returncode == 0, done.stderr
        assert (cli.folder / "again.png").read_bytes() == (cli.folder / "out.png").read_bytes()


def test_how_long_and_how_often_a_step_may_try_is_handed_to_the_run(cli: Cli, tmp_path: Path) -> None:
    cli.env["DIPTYCH_HOME"] = str(tmp_path / "home")
    wanted = ["--step-timeout", "90", "--retries", "2"]
    cli("run", "--workflow", cli.workflow(), PHOTO, "-o", "out.png", *wanted)
    cli("replay", "out.png", "--input", f"photo={PHOTO}", "-o", "again.png", *wanted)
    cli("map", "--workflow", cli.workflow(), PHOTO, "-o", "mapped", *wanted)
    log = history(tmp_path / "home")
    policies = [log.replay(run.id)[0].facts["policy"] for run in log.runs()]
    assert [(policy["step_timeout"], policy["retries"]) for policy in policies] == [(90, 2)] * 3


def test_replay_takes_a_lost_input_from_the_store_or_asks_for_it(
    cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (cli.folder / "cat.png").write_bytes(Path(PHOTO).read_bytes())
    cli("run", "--workflow", cli.workflow(), "cat.png", "-o", "out.png")
    (cli.folder / "cat.png").write_bytes(photo_path("coffee").read_bytes())
    cli.env["DIPTYCH_HOME"] = str(new_home(tmp_path_factory))
    done = cli("replay", "out.png", "-o", "again.png")
    assert done.returncode == 2 and "--input photo=FILE" in done.stderr
    assert not (cli.folder / "again.png").exists()


def test_replay_of_a_strangers_plan_runs_only_what_validates(cli: Cli) -> None:
    from PIL import PngImagePlugin

    plan = {**GRAY, "steps": [{"id": "gray", "tool": "os_system", "args": {"image": "$photo"}}]}
    record = {"plan": plan, "profile": "/tmp/evil.yaml", "models": {}, "tools": {}, "inputs": {}, "diptych": "1"}
    for profile, says in (("/tmp/evil.yaml", "--profile"), ("embedded", "no tool is called 'os_system'")):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("diptych", json.dumps({**record, "profile": profile}))
        PIL.new("RGB", (4, 4)).save(cli.folder / "evil.png", pnginfo=info)
        done = cli("replay", "evil.png", "-o", "again.png")
        assert done.returncode in (1, 2) and says in done.stderr
    assert names(cli.folder) == ["evil.png"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_no_metadata_and_other_formats(cli: Cli, suffix: str) -> None:
    cli("run", "--workflow", cli.workflow(), PHOTO, "-o", f"out.{suffix}", "--no-metadata")
    assert b"grayscale" not in (cli.folder / f"out.{suffix}").read_bytes()
    done = cli("replay", f"out.{suffix}")
    assert done.returncode == 2


def test_default_name_and_several_outputs(cli: Cli) -> None:
    assert cli("run", "--workflow", cli.workflow(), PHOTO).stdout == "chelsea-diptych.png\n"
    two = [*GRAY["steps"], {"id": "flat", "tool": "flip", "args": {"image": "$photo", "direction": "horizontal"}}]
    name = cli.workflow(steps=two, outputs=["$gray", "$flat"])
    done = cli("run", "--workflow", name, PHOTO, "-o", "two.png")
    assert done.stdout.split() == ["two-1.png", "two-2.png"], done.stderr


def test_plan_shows_draws_and_runs_nothing(cli: Cli) -> None:
    done = cli("plan", "--workflow", cli.workflow(), PHOTO, "--svg", "plan.svg", "--save", "plan.yaml")
    assert done.returncode == 0, done.stderr
    assert "grayscale" in done.stdout
    assert names(cli.folder) == ["edit.json", "plan.svg", "plan.yaml"]
    answer = json.loads(cli("plan", "--workflow", "plan.yaml", PHOTO, "--json").stdout)
    assert answer["outputs"] == [] and answer["steps"][0]["step"] == "gray"


def test_a_plan_may_be_one_of_tools_that_a_file_describes(cli: Cli) -> None:
    catalogue = str(Path(__file__).parents[2] / "examples" / "catalogues" / "errands.json")
    done = cli("plan", "what does the sign say?", PHOTO, "--catalogue", catalogue, "--svg", "plan.svg", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [step["tool"] for step in answer["plan"]["steps"]] == ["TextScanner"] and answer["steps"] == []
    assert "TextScanner" in (cli.folder / "plan.svg").read_text()
    both = cli("plan", "--workflow", cli.workflow(), PHOTO, "--catalogue", catalogue)
    assert both.returncode == 2 and "leave one of them out" in both.stderr
    missing = cli("plan", "what does the sign say?", PHOTO, "--catalogue", "none.json")
    assert missing.returncode == 2 and "'none.json' cannot be read" in missing.stderr


def test_report_is_written(cli: Cli) -> None:
    cli("run", "--workflow", cli.workflow(), PHOTO, "-o", "out.png", "--report", "out.html")
    assert "make it gray" in (cli.folder / "out.html").read_text()


def test_tools_doctor_version_fetch(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("diptych ")
    listed = json.loads(cli("tools", "--json").stdout)
    assert {"blur", "detect"} <= {tool["id"] for tool in listed["tools"]}
    assert json.loads(cli("tools", "blur", "--json").stdout)["args"]["required"] == ["image"]
    assert json.loads(cli("doctor", "--json").stdout)["profile"] == "embedded"
    assert "already" in cli("fetch", "minilm").stdout


def _bomb() -> bytes:
    data = bytearray(photo_path("astronaut").read_bytes())
    data[16:24] = (20000).to_bytes(4, "big") * 2  # the size in the header; its checksum no longer fits
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


BAD_PICTURES: dict[str, tuple[bytes, str]] = {
    "text.png": (b"hello", "a text file"),
    "cut.png": (photo_path("astronaut").read_bytes()[:5000], "damaged or incomplete"),
    "empty.png": (b"", "empty"),
    "bomb.png": (_bomb(), "megapixels"),
}


@pytest.mark.parametrize("name", [*BAD_PICTURES, "folder", "missing.png"])
def test_pictures_that_cannot_be_read(cli: Cli, name: str) -> None:
    if name in BAD_PICTURES:
        (cli.folder / name).write_bytes(BAD_PICTURES[name][0])
    if name == "folder":
        (cli.folder / name).mkdir()
    says = BAD_PICTURES[name][1] if name in BAD_PICTURES else {"folder": "is a folder"}.get(name, "no file")
    before = [*names(cli.folder), "edit.json"]
    done = cli("run", "--workflow", cli.workflow(), name, "-o", "out.png", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 2 and answer["status"] == "failed"
    assert says in str(answer["problems"]) and name in str(answer["problems"])
    assert names(cli.folder) == sorted(before)


@pytest.mark.parametrize("name", ["deep.png", "cmyk.jpg", "palette.png", "moving.gif", "turned.jpg", "clear.png"])
def test_odd_pictures_work(cli: Cli, name: str) -> None:
    picture = photo("cat").to_pil().resize((60, 40))
    exif = PIL.Exif()
    exif[0x0112] = 6
    made: dict[str, tuple[PIL.Image, dict[str, Any]]] = {
        "deep.png": (PIL.new("I;16", (60, 40), 30000), {}),
        "cmyk.jpg": (picture.convert("CMYK"), {}),
        "palette.png": (picture.quantize(16), {}),
        "moving.gif": (picture.quantize(16), {"save_all": True, "append_images": [picture.quantize(4)]}),
        "turned.jpg": (picture, {"exif": exif}),
        "clear.png": (picture.convert("RGBA"), {}),
    }
    made[name][0].save(cli.folder / name, **made[name][1])
    done = cli("run", "--workflow", cli.workflow(), name, "-o", "out.png")
    assert done.returncode == 0, done.stderr
    size = load_image(cli.folder / "out.png").size_wh
    assert size == ((40, 60) if name == "turned.jpg" else (60, 40))
    assert ("animation" in done.stderr) == (name == "moving.gif")


STEP = GRAY["steps"][0]
BAD_PLANS: dict[str, tuple[dict[str, Any], str]] = {
    "cycle": (
        {
            "steps": [
                {"id": "a", "tool": "grayscale", "args": {"image": "$b"}},
                {"id": "b", "tool": "grayscale", "args": {"image": "$a"}},
            ],
            "outputs": ["$b"],
        },
        "wait for each other",
    ),
    "dangling": ({"steps": [{**STEP, "args": {"image": "$phot"}}]}, "did you mean"),
    "wrong type": ({"steps": [{"id": "gray", "tool": "invert", "args": {"mask": "$photo"}}]}, "expects Mask"),
    "unknown tool": ({"steps": [{**STEP, "tool": "grayscal"}]}, "no tool is called 'grayscal'"),
    "range": ({"steps": [{"id": "gray", "tool": "blur", "args": {"image": "$photo", "strength": 900}}]}, "100"),
    "twice": ({"outputs": ["$gray", "$gray"]}, "2 times"),
    "no plan": ({"stepz": 1}, "stepz"),
}


@pytest.mark.parametrize("name", BAD_PLANS)
def test_plans_that_cannot_run(cli: Cli, name: str) -> None:
    changes, says = BAD_PLANS[name]
    done = cli("run", "--workflow", cli.workflow(**changes), PHOTO, "-o", "out.png", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and answer["status"] == "failed"
    assert says in json.dumps(answer["problems"])
    assert names(cli.folder) == ["edit.json"]


def test_what_the_profile_cannot_do_is_refused(cli: Cli) -> None:
    cat = {"id": "gray", "tool": "generate", "args": {"prompt": "a cat"}}
    done = cli("run", "--workflow", cli.workflow(steps=[cat], inputs={}), "-o", "out.png", "--json")
    assert done.returncode == 3 and json.loads(done.stdout)["status"] == "refused"
    assert "embedded" in done.stdout
    assert names(cli.folder) == ["edit.json"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "say what to do"),
        (["run", "", PHOTO], "empty"),
        (["run", "x" * 10_000, PHOTO], "10,000 characters"),
        (["rnu", "x"], "Did you mean 'run'"),
        (["run", "x", PHOTO, "--jsno"], "--json"),
        (["run", "x", PHOTO, "--profile", "embeded"], "did you mean 'embedded'"),
        (["run", "x", PHOTO, "--planner", "embeded"], "embedded"),
        (["run", "x", PHOTO, "-o", "out.json"], ".png"),
        (["run", "x", PHOTO, "-o", "none/out.png"], "no folder"),
        (["run", "x", PHOTO, "--report", "r.pdf"], ".html"),
        (["run", "x", PHOTO, "--input", "photo=a"], "--workflow"),
        (["run", "--workflow", "none.yaml"], "none.yaml"),
        (["tools", "blr"], "did you mean 'blur'"),
        (["fetch", "minlm"], "did you mean 'minilm'"),
        (["run", "x", PHOTO, "--step-timeout", "0"], "above 0"),
        (["run", "x", PHOTO, "--step-timeout", "nan"], "above 0"),
        (["run", "x", PHOTO, "--step-timeout", "soon"], "--step-timeout"),
        (["run", "x", PHOTO, "--retries", "-1"], "0 or more"),
        (["replay", PHOTO, "--retries", "1.5"], "--retries"),
        (["replay", PHOTO, "--step-timeout", "-3"], "above 0"),
        (["replay", PHOTO], "carries no plan"),
        (["ask", "", PHOTO], "empty"),
    ],
)
def test_wrong_usage_is_one_sentence_with_the_fix(cli: Cli, words: Sequence[str], says: str) -> None:
    done = cli(*words)
    assert done.returncode == 2
    assert done.stdout == "" and says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert names(cli.folder) == []


def test_wrong_usage_is_an_object_too(cli: Cli) -> None:
    done = cli("run", "x", PHOTO, "--jsno", "--json")
    assert done.returncode == 2
    assert "--jsno" in json.loads(done.stdout)["problems"][0]


def test_a_failed_step_keeps_the_others_and_exits_with_1(cli: Cli) -> None:
    crop = {"id": "part", "tool": "crop", "args": {"image": "$photo", "boxes": "$none"}}
    none = {"id": "none", "tool": "detect", "args": {"image": "$photo", "query": "face"}}
    name = cli.workflow(steps=[*GRAY["steps"], none, crop], outputs=["$gray", "$part"])
    done = cli("run", "--workflow", name, str(photo_path("coffee")), "-o", "out.png", "--json")
    answer = json.loads(done.stdout)
    if answer["status"] == "failed":
        assert done.returncode == 1 and answer["problems"] and answer["outputs"] == ["out.png"]
    else:
        assert done.returncode == 0


def test_interrupt_is_clean(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = new_home(tmp_path_factory)
    cli.env["DIPTYCH_HOME"] = str(folder)
    photo("astronaut").to_pil().resize((2000, 2000)).save(cli.folder / "big.png", compress_level=1)
    steps = [{"id": "s0", "tool": "blur", "args": {"image": "$photo"}}]
    steps += [{"id": f"s{i}", "tool": "blur", "args": {"image": f"$s{i - 1}"}} for i in range(1, 60)]
    name = cli.workflow(steps=steps, outputs=["$s59"])
    words = [*COMMAND, "run", "--workflow", name, "big.png", "-o", "out.png", "--quiet"]
    process = subprocess.Popen(words, cwd=cli.folder, env=cli.env, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list((folder / "store").rglob("*.value")):
        time.sleep(0.02)  # until the first step is done: stopped in the middle, not before the start
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and len(errors.strip().splitlines()) == 1
    assert names(cli.folder) == ["big.png", "edit.json"]
