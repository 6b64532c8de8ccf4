"""The sets of requests that a planner can be measured on.

`held-out` is our own. The others are public and are not part of the package: their files lie in a folder that
`--data` or $DIPTYCH_EVALS names. What each of them can say differs, and is written at its function.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ...tools.catalogue import Catalogue, load_catalogue
from ...tools.errors import Refusal, UsageError
from ..external import external
from ..notation import read_steps
from ..plan import Plan
from ..planner import input_names
from ..training.clauses import Example
from ..training.compose import Composer
from .alike import alike
from .items import Answer, Item, Wanted, data_file
from .jobs import answers, does, job_for, ways_of
from .scores import plain
from .wording import known_wording, normal, spread

HELD_OUT_SEED = 2026
HELD_OUT = 1000
"""Requests of our own set."""
EDITS = 800
"""Requests of the split of `edits`."""


@dataclass(frozen=True)
class Set:
    """Requests, and the tools that they are to be planned with."""

    name: str
    catalogue: Catalogue
    items: tuple[Item, ...]
    about: str
    """What it is, in a line."""


def load_set(name: str, folder: Path | None = None) -> Set:
    """Return a set by its name. Raises UsageError for an unknown name and where its files are missing or broken."""
    if name not in SETS:
        raise UsageError(f"unknown set {name!r}; known: {', '.join(SETS)}")
    try:
        return SETS[name](folder)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"the files of set {name!r} are not in the form of the public set: {error!r}") from error


def held_out(folder: Path | None = None) -> Set:
    """Requests worded in ways, and about things, that training never saw; each has one right plan or refusal."""
    catalogue = load_catalogue().planned
    examples = islice(Composer(catalogue, HELD_OUT_SEED, test=True), HELD_OUT)
    items = tuple(_example(number, example, catalogue) for number, example in enumerate(examples))
    return Set("held-out", catalogue, items, "our own requests, worded as training never saw")


def strangers(folder: Path | None = None) -> Set:
    """Requests by writers who never saw the words of the training set; each has plans that do it well, or a refusal.

    A plan is right when it is alike one of them (see `alike.py`).
    """
    catalogue = load_catalogue().planned
    rows = yaml.safe_load(Path(__file__).with_name("strangers.yaml").read_text(encoding="utf-8"))
    items = tuple(_stranger(number, row, catalogue) for number, row in enumerate(rows))
    return Set("strangers", catalogue, items, "requests by people who never saw the training set")


def edits(folder: Path | None = None, *, known: bool = False) -> Set:
    """Editing instructions of I2EBench: their kind of edit and, where one is named, the thing that is changed.

    Instructions whose wording training knows (see `wording.py`) are left out, and of the others 800 are taken, as
    evenly over the kinds as these reach. With `known` it is those that were left out because training knows their
    wording. `jobs.yaml` says which plans do the job of each kind. Our catalogue has an instruction editor, so that
    there is none that no tool can do.
    """
    catalogue = load_catalogue().planned
    once = {(row["kind"], normal(row["instruction"])): row for row in _rows("edit_instructions.jsonl", folder)}
    rows = [row for row in once.values() if known_wording(row["instruction"]) == known]
    if not known:
        rows = spread(rows, EDITS, kind=lambda row: row["kind"], key=lambda row: f"{row['kind']}:{row['instruction']}")
    items = tuple(_instruction(number, row, catalogue) for number, row in enumerate(rows))
    what = "known to training" if known else "that training never saw"
    return Set(
        "edits-known" if known else "edits", catalogue, items, f"editing instructions (I2EBench) in words {what}"
    )


def visprog(folder: Path | None = None) -> Set:
    """VisProg's 55 requests, planned with our tools, which are others than its own.

    Each of the ten image edits has its right plans in `visprog.yaml`. A question (GQA, NLVR) is answered by a plan
    that asks it, or that counts or looks for a thing of the published program. A tagging request is done by labelled
    boxes around what the program looks for; whether the tags need knowledge of the world is not looked at.
    """
    catalogue = load_catalogue().planned
    ways = yaml.safe_load(Path(__file__).with_name("visprog.yaml").read_text(encoding="utf-8"))
    items = tuple(_program(row, ways, catalogue) for row in _document("visprog_programs.json", folder))
    return Set("visprog", catalogue, items, "VisProg's questions, tags and edits, with our tools")


def gta(folder: Path | None = None) -> Set:
    """GTA's requests with its 14 tools.

    The published calls were made one by one, each after a look at the last result; a plan is made at once. So each
    tool counts once, edges are not measured, and of the arguments the plain values are compared, some of which
    (what was read, computed or searched for) nobody can know before the first call.
    """
    catalogue = external({"tools": [_gta_tool(entry) for entry in _document("gta_tools.json", folder).values()]})
    items = tuple(_gta_item(row, catalogue) for row in _document("gta_dev.json", folder))
    return Set("gta", catalogue, items, "GTA's requests, with its 14 tools")


def taskbench(folder: Path | None = None) -> Set:
    """TaskBench's requests that speak of images, with its 23 Hugging Face tools; only validity can be measured."""
    nodes = _document("taskbench_hf_tools.json", folder)["nodes"]
    catalogue = external({"tools": [_taskbench_tool(node) for node in nodes]})
    rows = _rows("taskbench_hf_requests.jsonl", folder)
    items = tuple(
        Item(row["id"], row["user_request"], _images_in(row["user_request"]), "taskbench", Wanted(None)) for row in rows
    )
    return Set("taskbench", catalogue, items, "TaskBench's requests, with its 23 tools")


SETS: dict[str, Callable[[Path | None], Set]] = {
    "held-out": held_out,
    "strangers": strangers,
    "edits": edits,
    "edits-known": lambda folder: edits(folder, known=True),
    "visprog": visprog,
    "gta": gta,
    "taskbench": taskbench,
}


def _example(number: int, example: Example, catalogue: Catalogue) -> Item:
    kind = "compound" if len(example.kinds) > 1 else example.kinds[0]
    try:
        steps, outputs = read_steps(example.answer, example.inputs, catalogue)
    except Refusal as refusal:
        wanted = Wanted("ask" if refusal.question else "refuse", note=str(refusal))
    else:
        plan = Plan(inputs=dict.fromkeys(example.inputs, "Image"), steps=steps, outputs=outputs)
        wanted = Wanted(plan=plan, note=example.answer)
    return Item(f"held-out-{number:04}", example.request, example.inputs, kind, wanted)


def _stranger(number: int, row: dict[str, Any], catalogue: Catalogue) -> Item:
    inputs = tuple(row["inputs"])
    plans = []
    for text in row.get("plans", ()):
        steps, outputs = read_steps(text, inputs, catalogue)
        plans.append(Plan(inputs=dict.fromkeys(inputs, "Image"), steps=steps, outputs=outputs))
    declined: Answer | None = "ask" if row.get("ask") else "refuse" if row.get("refuse") else None
    wanted = Wanted(
        answer="plan" if declined is None else None if plans else declined,
        does=lambda plan: any(alike(plan, right, catalogue) for right in plans),
        declined=declined is not None,
        note=row["plans"][0] if plans else str(declined),
    )
    return Item(f"strangers-{number:04}", row["request"], inputs, row["by"], wanted)


def _instruction(number: int, row: dict[str, str], catalogue: Catalogue) -> Item:
    check, note = job_for(row["kind"], row["instruction"], catalogue)
    wanted = Wanted(does=check, note=note)
    return Item(f"edits-{number:04}", row["instruction"], ("photo",), row["kind"], wanted)


def _program(row: dict[str, Any], ways: dict[str, Any], catalogue: Catalogue) -> Item:
    program = " ".join(row["program"])
    inputs = tuple(input_names(2 if row["domain"] == "nlvr" else 1))
    things = re.findall(r"(?:LOC|QUERY)\([^)]*?object='([^']*)'", program)
    if row["domain"] in ("gqa", "nlvr"):
        wanted = Wanted(does=lambda plan: answers(plan, row["request"], things, catalogue), note=program)
    else:
        chosen = ways_of(ways[row["id"]])
        wanted = Wanted(does=lambda plan: does(plan, chosen, {"request": row["request"]}, catalogue), note=program)
    return Item(row["id"], row["request"], inputs, row["domain"], wanted)


def _gta_tool(entry: dict[str, Any]) -> dict[str, Any]:
    plain_types = {"text": "text", "int": "integer", "bool": "boolean", "float": "number"}
    inputs = [
        {
            "name": given["name"],
            "type": plain_types.get(given["type"], "Image"),
            "description": given["description"] or "",
            "required": not given["optional"],
            "default": given["default"],
        }
        for given in entry["inputs"]
    ]
    output = {"image": "Image", "text": "Text", "int": "Number"}[entry["outputs"][0]["type"]]
    words = " ".join(entry["description"].split())
    return {"name": entry["name"], "description": words[:1000], "inputs": inputs, "output": output}


def _gta_item(row: dict[str, Any], catalogue: Catalogue) -> Item:
    calls = [
        (call["tool"], name, plain(value))
        for call in row["calls"]
        for name, value in call["args"].items()
        if name in catalogue[call["tool"]].params
    ]
    wanted = Wanted(tools=tuple(row["tools"]), arguments=tuple(dict.fromkeys(calls)), note=" ".join(row["tools"]))
    return Item(f"gta-{row['id']}", row["query"], tuple(input_names(len(row["files"]))), "gta", wanted)


def _taskbench_tool(node: dict[str, Any]) -> dict[str, Any]:
    kinds = {"image": "Image", "audio": "Audio", "video": "Video", "text": "text"}
    inputs = [
        {"name": kind if kind not in node["input-type"][:place] else f"{kind}{place + 1}", "type": kinds[kind]}
        for place, kind in enumerate(node["input-type"])
    ]
    output = {**kinds, "text": "Text"}[node["output-type"][0]] if node["output-type"] else "Number"
    name = re.sub(r"\W+", "_", node["id"]).lower()
    return {"name": name, "description": node["desc"][:1000], "inputs": inputs, "output": output}


def _images_in(request: str) -> tuple[str, ...]:
    """As many inputs as there are picture files in the words."""
    return tuple(input_names(len(set(re.findall(r"[\w-]+\.(?:jpe?g|png|webp|gif|bmp)\b", request)))))


def _document(name: str, folder: Path | None) -> Any:
    path = data_file(name, folder)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is not JSON: {error}") from None


def _rows(name: str, folder: Path | None) -> Iterator[dict[str, Any]]:
    path = data_file(name, folder)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise UsageError(f"{str(path)!r}, line {number}, is not JSON: {error}") from None
