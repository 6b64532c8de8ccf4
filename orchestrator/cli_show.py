"""Tables and trees of the command line: a plan, the catalogue, one tool, the doctor's findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..planners.plan import Plan, Step
from ..tools.catalogue import Catalogue
from ..tools.profiles import Profile
from ..tools.tool import Param, Port, Tool
from .doctor import Examination
from .forecast import PreviewedStep


def plan_table(plan: Plan, catalogue: Catalogue, forecast: Sequence[PreviewedStep] = ()) -> Group:
    """Return a plan as a table of steps and checks, with what each will cost where that is known."""
    known = {entry.step: entry for entry in forecast}
    table = _table("step", "tool", "arguments", "gives", *(["time", "memory"] if known else []))
    checks = {step.id for step in plan.checked_steps()}
    for step in (*plan.steps, *plan.checked_steps()):
        tool = catalogue.get(step.tool)
        row = [step.id, step.tool, _arguments(step), str(tool.output) if tool else "?"]
        costs = _costs(known[step.id]) if step.id in known else ["", ""] if known else []
        table.add_row(*map(escape, [*row, *costs]), style="dim" if step.id in checks else None)
    heading = Text(plan.request or "plan", style="bold")
    inputs = ", ".join(f"{name} ({kind})" for name, kind in plan.inputs.items()) or "none"
    ends = Text(f"inputs: {inputs}   outputs: {', '.join(plan.outputs)}", style="dim")
    return Group(heading, table, ends, *([Text(estimate(forecast))] if forecast else []))


def estimate(forecast: Sequence[PreviewedStep]) -> str:
    """Say in one line what a run will cost: seconds, memory, and how much of it is known already."""
    todo = [entry for entry in forecast if not entry.cached]
    unknown = sum(entry.seconds is None for entry in todo)
    seconds = sum(entry.seconds or 0 for entry in todo)
    memory = max((entry.memory_mb or 0 for entry in todo), default=0)
    if not todo:
        return "every step is known already: nothing has to run"
    parts = [f"about {seconds:.1f} s"] if unknown < len(todo) else []
    parts += [f"about {memory:.0f} MiB for the largest step"] if memory else []
    parts += [f"{len(forecast) - len(todo)} of {len(forecast)} steps are known already"]
    parts += [f"{unknown} never measured on this machine"] if unknown else []
    return "; ".join(parts)


def tools_table(catalogue: Catalogue, profile: Profile) -> Table:
    """Return the catalogue: what each tool takes and gives, and whether the profile has the models for it."""
    table = _table("tool", "family", "takes → gives", "what it does")
    for tool in catalogue.values():
        able = profile.objection(tool, {}) is None
        takes = ", ".join(str(port.type) for port in tool.ports.values()) or "words"
        style = None if able else "dim"
        does = tool.summary if able else f"{tool.summary} (not with profile {profile.name!r})"
        table.add_row(*map(escape, (tool.id, tool.family, f"{takes} → {tool.output}", does)), style=style)
    return table


def tool_page(tool: Tool, profile: Profile) -> Group:
    """Return everything about one tool."""
    table = _table("argument", "type", "", "default")
    arguments: list[Port | Param] = [*tool.ports.values(), *tool.params.values()]
    for argument in arguments:
        table.add_row(*map(escape, _argument_row(argument)))
    objection = profile.objection(tool, {})
    models = ", ".join(tool.models) or "none"
    note = f"needs models: {models}" + (f"; profile {profile.name!r} {objection}" if objection else "")
    heading = Text.assemble((tool.id, "bold"), f"  {tool.family}, {tool.panel}, gives {tool.output}")
    return Group(heading, Text(tool.summary), table, Text(note, style="dim"))


def tool_document(tool: Tool, profile: Profile) -> dict[str, Any]:
    """Return one tool as plain JSON values."""
    objection = profile.objection(tool, {})
    return {
        "id": tool.id,
        "family": tool.family,
        "panel": tool.panel,
        "version": tool.version,
        "summary": tool.summary,
        "output": str(tool.output),
        "models": list(tool.models),
        "available": objection is None,
        "args": tool.schema(),
    }


def doctor_page(found: Examination) -> Group:
    """Return the doctor's findings."""
    machine = found.machine
    facts = _table("this machine", "")
    for name, value in {
        "system": f"{machine.system}, Python {machine.python}",
        "cores": str(machine.cores),
        "memory": f"{machine.memory_mb:,} MiB, {machine.memory_free_mb:,} MiB free",
        "GPU": ", ".join(machine.gpus) or "none found",
        "cache": f"{machine.home} ({machine.disk_free_mb:,} MiB free on its disk)",
        "hub": "offline (HF_HUB_OFFLINE is set)" if machine.offline else "downloads are allowed",
        "packages": ", ".join(f"{name} {version}" for name, version in machine.packages.items()),
    }.items():
        facts.add_row(name, escape(value))
    needs = _table(f"{found.profile} needs", "weights", "size", "memory", "licence", "state")
    colors = {"present": "green", "missing": "yellow", "broken": "red"}
    for need in found.needs:
        size = f"{need.size_mb:.1f} MiB" if need.size_mb else ""
        memory = f"{need.memory_mb} MiB" if need.memory_mb else ""
        state = f"[{colors[need.state]}]{need.state}[/]"
        source = need.source or f"{need.adapter} (brings its own)"
        needs.add_row(escape(need.what), escape(source), size, memory, escape(need.licence), state)
    ready = Text(f"profile {found.profile!r} can run here", style="bold green")
    why = [Text(f"profile {found.profile}: {found.reason}", style="dim")] if found.reason else []
    verdict = [Text(f"✗ {problem}", style="red") for problem in found.problems] or [ready]
    return Group(facts, Text(), needs, Text(), *why, *verdict)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for i, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=i == 0)
    return table


def _arguments(step: Step) -> str:
    words = [f"{name}={_plain(value)}" for name, value in step.args.items()]
    words += [f"for each {step.for_each}"] * bool(step.for_each) + [f"when {step.when}"] * bool(step.when)
    return " ".join(words)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("$") else json.dumps(value, ensure_ascii=False)


def _costs(entry: PreviewedStep) -> list[str]:
    if entry.cached:
        return ["known already", ""]
    return [
        f"{entry.seconds:.1f} s" if entry.seconds is not None else "unknown",
        f"{entry.memory_mb:.0f} MiB" if entry.memory_mb else "",
    ]


def _argument_row(argument: Port | Param) -> tuple[str, str, str, str]:
    needed = "required" if argument.required else ""
    if isinstance(argument, Port):
        return argument.name, str(argument.type), needed, ""
    default = "" if argument.required else json.dumps(argument.default, ensure_ascii=False, default=str)
    return argument.name, _schema_words(argument.schema), needed, default


def _schema_words(schema: Mapping[str, Any]) -> str:
    """Say a JSON Schema in a few words: `number from 0 to 100`, `one of red, green`."""
    if "anyOf" in schema:
        return " or ".join(_schema_words(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    low, high = schema.get("minimum"), schema.get("maximum")
    span = f" from {low:g}" if low is not None else ""
    span += f" above {schema['exclusiveMinimum']:g}" if "exclusiveMinimum" in schema else ""
    span += f" to {high:g}" if high is not None else ""
    return f"{schema.get('type', 'value')}{span}"
