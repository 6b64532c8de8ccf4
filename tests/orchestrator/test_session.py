"""Sessions over small real tools: where each request leads, what a saved picture tells, and what changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import Field

from diptych.orchestrator import Reply, Session, read_provenance, run_plan
from diptych.planners.plan import Plan
from diptych.planners.planner import Turn
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import Problem, Refusal, UsageError
from diptych.tools.images import load_image, save_image
from diptych.tools.tool import tool
from diptych.tools.values import Image

from .small_tools import FUNCTIONS, picture, plan


@tool(family="editor")
def fade(image: Image, amount: Annotated[float, Field(ge=0, le=100)] = 32.0) -> Image:
    """Darken every pixel."""
    return Image((image.pixels.astype(int) - round(amount)).clip(0, 255).astype(np.uint8))


CATALOGUE = Catalogue([*(function.tool for function in FUNCTIONS), fade.tool])  # type: ignore[attr-defined]
PLANS = {
    "lighten it": plan(["a lighten image=$photo"], "a"),
    "fade it": plan(["a fade image=$photo"], "a"),
    "how bright is it?": plan(["n mean image=$photo"], "n"),
    "fade it and say how bright it is": plan(["a fade image=$photo", "n mean image=$a"], "a n"),
    "cut it in half": plan(["a halves image=$photo"], "a"),
    "select what is bright": plan(["a bright image=$photo level=100"], "a"),
    "fail": plan(["a refuse image=$photo"], "a"),
    "take a long time": plan(["a slow image=$photo"], "a"),
}
JOIN = plan(["a join images=$photo,$photo2"], "a").model_copy(update={"inputs": {"photo": "Image", "photo2": "Image"}})


class Known:
    """A planner that knows a few requests, and refuses all others."""

    def __init__(self, *, reads_history: bool = False) -> None:
        self.reads_history = reads_history
        self.told: list[tuple[str, list[str]]] = []

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        self.told.append((request, [turn.request for turn in history]))
        known = {**PLANS, "join them": JOIN}
        if request not in known:
            raise Refusal(f"this cannot be done: no tool for {request!r}")
        inputs = {name: "Image" for name in ("photo", "photo2")[: len(images)]}
        return known[request].model_copy(update={"inputs": inputs, "request": request})


def session(home: Path, *images: Any, planner: Known | None = None, **options: Any) -> Session:
    pictures = images or (picture(),)
    return Session(*pictures, planner=planner or Known(), catalogue=CATALOGUE, home=home, **options)


def value(chat: Session) -> int:
    """The second pixel, which the tools change evenly."""
    return int(chat.pictures[0].pixels[1, 1, 0])


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ("lighten it", 110),
        ("lighten it; lighten it", 120),
        ("lighten it; again", 120),
        ("lighten it; undo", 100),
        ("lighten it; lighten it; undo; undo; redo", 110),
        ("lighten it; undo; fade it; redo", 68),
        ("lighten it; lighten it; the original", 100),
        ("lighten it; lighten it; the original; undo", 120),
        ("lighten it; the original; fade it; undo; undo", 110),
        ("fade it; a bit less", 80),
        ("fade it; a bit less; a bit more", 68),
        ("fade it; a bit more", 49),
        ("fade it; a bit less; undo", 68),
        ("fade it; fade it; a bit less", 48),
        ("fade it; a bit less; again", 60),
        ("fade it; how bright is it?; a bit less", 80),
        ("fade it; fail; undo", 100),
        ("fade it; rather 10", 90),
        ("fade it; rather 10; a bit less; undo", 90),
        ("lighten it; rather 10", 110),
    ],
)
def test_where_requests_lead(tmp_path: Path, requests: str, expected: int) -> None:
    chat = session(tmp_path)
    for request in requests.split("; "):
        chat.say(request)
    assert value(chat) == expected


@pytest.mark.parametrize(
    ("before", "request_", "status", "said"),
    [
        ("", "undo", "refused", "nothing to undo"),
        ("", "redo", "refused", "nothing to redo"),
        ("", "the original", "done", "this is the original"),
        ("", "again", "refused", "there is no edit yet"),
        ("", "a bit less", "refused", "there is no edit yet"),
        ("lighten it", "a bit less", "refused", "'lighten' has no amount that could be less"),
        ("lighten it", "the other one", "refused", "did not choose one thing among several"),
        ("lighten it", "no, teal", "refused", "no tool for 'no, teal'"),
        ("", "no, teal", "refused", "no tool for 'no, teal'"),
        ("fade it", "rather 32", "refused", "'fade' has amount 32"),
        ("lighten it", "save", "asked", "save as NAME.png"),
        ("lighten it", "fly away", "refused", "no tool for 'fly away'"),
        ("lighten it", "fail", "failed", "the page has no text"),
        ("lighten it", "restore the photo", "asked", "'the original'"),
        ("lighten it", "how bright is it?", "done", "1"),
        ("lighten it", "fade it and say how bright it is", "done", "9"),
    ],
)
def test_what_is_said(tmp_path: Path, before: str, request_: str, status: str, said: str) -> None:
    chat = session(tmp_path)
    if before:
        chat.say(before)
    kept = chat.pictures
    reply = chat.say(request_)
    assert reply.status == status and said in reply.said
    assert reply.changed == (chat.pictures is not kept)


def test_asked_twice_it_is_done_to_the_picture(tmp_path: Path) -> None:
    planner = Known()
    chat = session(tmp_path, planner=planner)
    assert chat.say("restore the photo").status == "asked" and planner.told == []
    assert chat.say("restore the photo").status == "refused" and planner.told == [("restore the photo", [])]
    assert chat.say("restore the photo").status == "asked"


def test_wrong_calls_raise_and_leave_the_session_as_it_was(tmp_path: Path) -> None:
    chat = session(tmp_path)
    chat.say("lighten it")
    for request in ("", "x" * 5000, "save as /no/such/folder/a.png"):
        with pytest.raises(UsageError):
            chat.say(request)
    assert value(chat) == 110 and chat.undo().changed


def test_a_planner_that_reads_history_is_told_it(tmp_path: Path) -> None:
    planner = Known(reads_history=True)
    chat = session(tmp_path, planner=planner)
    for request in ("lighten it", "fade it", "undo", "lighten it", "a bit less"):
        chat.say(request)
    assert planner.told[-2:] == [("lighten it", ["lighten it"]), ("a bit less", ["lighten it", "lighten it"])]


def test_the_saved_picture_carries_one_plan_that_makes_it_again(tmp_path: Path) -> None:
    save_image(picture(), tmp_path / "in.png")
    chat = session(tmp_path, tmp_path / "in.png")
    for request in ("lighten it", "fade it", "a bit less", "lighten it", "undo", "again"):
        chat.say(request)
    (path,) = chat.say(f"save as {tmp_path / 'out.png'}").saved
    record = read_provenance(path)
    assert [(step.tool, step.args.get("amount")) for step in record.plan.steps] == [
        ("lighten", None),
        ("fade", 20),
        ("fade", 20),
    ]
    assert record.inputs["photo"]["file"] == "in.png"
    again = run_plan(record.plan, {"photo": tmp_path / "in.png"}, home=tmp_path, catalogue=CATALOGUE, use_store=False)
    again.save(tmp_path / "again.png")
    assert np.array_equal(load_image(path).pixels, load_image(tmp_path / "again.png").pixels)


def test_without_metadata_nothing_is_told(tmp_path: Path) -> None:
    chat = session(tmp_path)
    chat.say("lighten it")
    chat.save(tmp_path / "a.png", metadata=False)
    with pytest.raises(UsageError, match="carries no plan"):
        read_provenance(tmp_path / "a.png")


def test_a_list_of_pictures_is_saved_with_its_plan_and_gone_on_with(tmp_path: Path) -> None:
    chat = session(tmp_path)
    chat.say("lighten it")
    assert chat.say("cut it in half").changed and len(chat.pictures) == 2
    paths = chat.save(tmp_path / "a.png").saved
    assert [path.name for path in paths] == ["a-1.png", "a-2.png"]
    assert [step.tool for step in read_provenance(paths[1]).plan.steps] == ["lighten", "halves"]
    chat.say("join them")
    assert np.array_equal(chat.pictures[0].pixels[:, 1:], np.full((4, 5, 3), 110))
    (path,) = chat.save(tmp_path / "b.png").saved
    record = read_provenance(path)
    assert [step.tool for step in record.plan.steps] == ["join"] and len(record.inputs) == 2
    chat.say("undo")
    assert len(chat.pictures) == 2


def test_a_mask_is_a_picture_to_go_on_with(tmp_path: Path) -> None:
    chat = session(tmp_path)
    chat.say("select what is bright")
    assert value(chat) == 255
    chat.say("fade it")
    assert value(chat) == 223


def test_pictures_that_an_edit_does_not_take_stay(tmp_path: Path) -> None:
    chat = session(tmp_path, picture(100), picture(50))
    chat.say("lighten it")
    assert [int(p.pixels[1, 1, 0]) for p in chat.state.pictures] == [110, 50] and len(chat.pictures) == 1
    chat.say("join them")
    assert [int(x) for x in chat.pictures[0].pixels[1, (1, 7), 0]] == [110, 50]
    assert chat.say("again").status == "refused"
    (path,) = chat.save(tmp_path / "a.png").saved
    assert [step.tool for step in read_provenance(path).plan.steps] == ["lighten", "join"]


def test_a_session_may_be_longer_than_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.planners import bounds

    monkeypatch.setattr(bounds, "MAX_STEPS", 3)
    chat = session(tmp_path)
    for _ in range(5):
        chat.say("lighten it")
    assert value(chat) == 150
    (path,) = chat.save(tmp_path / "a.png").saved
    assert len(read_provenance(path).plan.steps) == 2
    for _ in range(5):
        chat.undo()
    assert value(chat) == 100 and chat.undo() == Reply("refused", "there is nothing to undo")


def test_a_stopped_request_changes_nothing(tmp_path: Path) -> None:
    import _thread

    chat = session(tmp_path)
    chat.say("lighten it")
    stopped = []

    def stop(event: Any) -> None:
        if event.kind == "step started" and not stopped:
            stopped.append(event)
            _thread.interrupt_main()

    assert chat.say("take a long time", on_event=stop).status == "cancelled"
    assert value(chat) == 110 and chat.say("fade it").changed and value(chat) == 78


def test_without_a_picture_there_is_none(tmp_path: Path) -> None:
    chat = Session(planner=Known(), catalogue=CATALOGUE, home=tmp_path)
    with pytest.raises(UsageError, match="no picture yet"):
        chat.image  # noqa: B018
    with pytest.raises(UsageError, match="no picture to save"):
        chat.save(tmp_path / "a.png")
    assert chat.say("undo").status == "refused"
