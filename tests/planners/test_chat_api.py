"""The chat planner against real local servers: llama.cpp with a real small model, and one that misbehaves."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from PIL import Image as PIL

from diptych.planners.chat_api import ChatPlanner
from diptych.planners.plan import Plan
from diptych.planners.planner import Turn
from diptych.planners.schema import answer_schema
from diptych.tools.catalogue import Catalogue
from diptych.tools.errors import PlanError, Problem, Refusal, ToolError, UsageError
from diptych.tools.values import Image
from diptych.tools.weights import locate
from tests.photos import photo
from tests.planners.plans import CATALOGUE, plan, step

KEY = "sk-secret-4242"
BLUR = plan(step("out", "blur", image="$photo"))
GOOD = json.dumps({"steps": BLUR.document()["steps"], "outputs": ["$out"], "refuse": None, "ask": None, "checks": None})
BAD = GOOD.replace("blur", "blurr")

Reply = Callable[[dict[str, Any]], tuple[int, Any]]
"""Request body → (status, answer)."""


def said(text: str | None, finish: str = "stop", **more: Any) -> tuple[int, Any]:
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return 200, {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


class Server:
    """A chat endpoint on this machine that answers as a test wants; `seen` holds the bodies it was sent."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.seen: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.seen.append(body)
                status, answer = outer.replies[min(len(outer.seen), len(outer.replies)) - 1](body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):
                    self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the output of the tests clean."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def ask(self, *replies: Reply, **options: Any) -> Plan:
        self.replies = list(replies)
        return ChatPlanner("m", base_url=self.url, **options).plan("blur it", [photo("cat")], CATALOGUE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    instance = Server()
    yield instance
    instance.http.shutdown()
    instance.http.server_close()


def test_a_good_answer_is_a_plan(server: Server) -> None:
    made = server.ask(lambda body: said(GOOD))
    assert (made.steps, made.request, made.inputs) == (BLUR.steps, "blur it", {"photo": "Image"})
    assert server.seen[0]["response_format"]["json_schema"]["schema"] == answer_schema(CATALOGUE)


def test_problems_go_back_word_for_word(server: Server) -> None:
    assert server.ask(lambda body: said(BAD), lambda body: said(GOOD)).steps == BLUR.steps
    system, request, answer, repair = server.seen[1]["messages"]
    assert [system["role"], request["role"], answer["role"], repair["role"]] == ["system", "user", "assistant", "user"]
    assert answer["content"] == BAD
    assert "\n> step 'out': no tool is called 'blurr'; did you mean 'blur'?\n" in repair["content"]


def test_repairs_end(server: Server) -> None:
    with pytest.raises(PlanError, match="no tool is called 'blurr'"):
        server.ask(lambda body: said(BAD), repairs=2)
    assert len(server.seen) == 3


@pytest.mark.parametrize(("refused", "requests"), [({"json_schema"}, 3), ({"json_schema", "json_object"}, 4)])
@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_knows_fewer_formats(server: Server, refused: set[str], requests: int, status: int) -> None:
    def reply(body: dict[str, Any]) -> tuple[int, Any]:
        kind = body.get("response_format", {}).get("type")
        return (status, {"error": {"message": f"no {kind}"}}) if kind in refused else said(f"```json\n{GOOD}\n```")

    assert server.ask(reply).steps == BLUR.steps
    assert len(server.seen) == requests


def test_a_server_that_refuses_everything(server: Server) -> None:
    with pytest.raises(ToolError) as caught:
        server.ask(lambda body: (400, {"error": {"message": f"too long for {KEY}"}}))
    assert "refuses the request" in str(caught.value)
    assert "too long for [key]" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (said(None), "the model 'm' gave an empty answer; try again or choose another"),
        (said("  "), "the model 'm' gave an empty answer; try again or choose another"),
        ((200, {"choices": []}), "the model 'm' gave an empty answer; try again or choose another"),
        (said(GOOD[:40], "length"), "the answer of 'm' is cut off: it reached the limit of its length"),
        (said(GOOD[:40]), "the answer is cut off at character 40; write one complete JSON object"),
        (said("I would rather not"), "the answer holds no JSON object: 'I would rather not'"),
    ],
)
def test_useless_answers(server: Server, reply: tuple[int, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        server.ask(lambda body: reply, repairs=0)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("reply", "message", "question"),
    [
        (said('{"refuse": "making a video"}'), "this cannot be done: making a video", None),
        (said('{"ask": "which dog?"}'), "which dog?", "which dog?"),
        (said(None, refusal="not this"), "the model 'm' declines: not this", None),
    ],
)
def test_refusals(server: Server, reply: tuple[int, Any], message: str, question: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        server.ask(lambda body: reply)
    assert (str(caught.value), caught.value.question) == (message, question)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, UsageError, "refuses the key (status 401); set OPENAI_API_KEY"),
        (403, UsageError, "refuses the key (status 403)"),
        (404, UsageError, "does not know the model 'm'"),
        (429, ToolError, "is busy or broken (status 429)"),
        (503, ToolError, "is busy or broken (status 503)"),
    ],
)
def test_statuses(server: Server, status: int, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as caught:
        server.ask(lambda body: (status, {"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    assert message in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_server_that_never_answers(server: Server) -> None:
    leave = threading.Event()
    with pytest.raises(ToolError, match=r"gave no answer within 0\.2 s") as caught:
        try:
            server.ask(lambda body: (leave.wait(30), said(GOOD))[1], timeout=0.2)
        finally:
            leave.set()
    assert caught.value.retryable


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://user:{KEY}@127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ToolError) as caught:
            ChatPlanner("m", base_url=url).plan("blur it", [photo("cat")], CATALOGUE)
    assert str(caught.value).startswith("cannot reach http://127.0.0.1:")
    assert KEY not in str(caught.value)


def test_a_hosted_endpoint_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="set OPENAI_API_KEY"):
        ChatPlanner("gpt-5").plan("blur it", [], CATALOGUE)


def test_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")
    assert ChatPlanner("m").base_url == "http://localhost:9/v1"
    assert ChatPlanner("m", base_url="http://other/v1").base_url == "http://other/v1"


@pytest.mark.parametrize(("shape", "expected"), [((2000, 3000, 4), (768, 512)), ((1, 1, 3), (1, 1))])
def test_images_are_attached_small(server: Server, shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    """The transparent black image arrives white."""
    server.replies = [lambda body: said(GOOD)]
    planner = ChatPlanner("m", base_url=server.url, images=True)
    planner.plan("blur it", [Image(np.zeros(shape, np.uint8))], CATALOGUE)
    content: list[Any] = server.seen[-1]["messages"][1]["content"]
    text, picture = content
    prefix, _, data = picture["image_url"]["url"].partition(",")
    seen = PIL.open(io.BytesIO(base64.b64decode(data)))
    assert (text["type"], prefix, seen.size) == ("text", "data:image/jpeg;base64", expected)
    assert seen.getpixel((0, 0)) == ((255,) * 3 if shape[2] == 4 else (0,) * 3)


def test_history_and_problems_are_told(server: Server) -> None:
    server.replies = [lambda body: said(GOOD)]
    planner = ChatPlanner("m", base_url=server.url)
    planner.plan("again", [photo("cat")], CATALOGUE, [Turn("first", BLUR)], [Problem("nothing changed", "out")])
    content = server.seen[0]["messages"][1]["content"]
    assert "> first\n> {" in content and "> step 'out': nothing changed" in content


SMALL = Catalogue([CATALOGUE["grayscale"]])


def test_a_real_model_behind_a_real_server() -> None:
    """SmolLM2 (135 M) under the schema: its plan may be poor, but it always parses, and the key is looked at."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(locate("embedded:smollm2-135m-instruct"))
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 4096, 1, 1
    params.verbosity, params.warmup, params.ui = -1, False, False
    params.hostnames, params.api_keys = ["127.0.0.1"], [KEY]
    running = xllamacpp.Server(params)
    planner = ChatPlanner("smollm2", base_url=f"{running.listening_address}/v1", repairs=0, max_steps=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "wrong")
        with pytest.raises(UsageError, match="refuses the key"):
            planner.plan("make it black and white", [photo("cat")], SMALL)
        patch.setenv("OPENAI_API_KEY", KEY)
        try:
            made = planner.plan("make it black and white", [photo("cat")], SMALL)
            assert [s.tool for s in made.steps] == ["grayscale"]
        except PlanError as error:
            assert {problem.kind for problem in error.problems} == {"invalid"}
