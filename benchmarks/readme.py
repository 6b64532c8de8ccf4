"""Writes the figures of `benchmarks/results` into the README and the model card: `python benchmarks/readme.py`.

Each table stands between `<!-- figures: NAME -->` and `<!-- end -->`; what is between them is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "README.md", ROOT / "planners" / "adapter" / "README.md")


def planner(found: dict[str, Any]) -> list[str]:
    """The embedded planner beside the same model without its adapter."""
    with_adapter, without = found["adapter"], found["zero_shot"]
    rows = [
        ("examples", "examples", "{:.0f}"),
        ("valid plan", "valid", "{:.1%}"),
        ("exactly right plan", "exact", "{:.1%}"),
        ("F1 of the tools", "node_f1", "{:.3f}"),
        ("median seconds a plan, warm", "median_seconds", "{:.2f}"),
    ]
    return [
        "| on two CPU cores, held-out split | with the adapter | same model, whole catalogue in the prompt |",
        "|---|---|---|",
        *(f"| {name} | {form.format(with_adapter[key])} | {form.format(without[key])} |" for name, key, form in rows),
    ]


def goals(found: dict[str, Any]) -> list[str]:
    """One row per goal, met or not."""
    words = {True: "met", False: "**not met**"}
    rows = [(row["name"], _figure(row["value"]), _figure(row["goal"]), words[row["met"]]) for row in found["goals"]]
    return ["| | measured | goal | |", "|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]


def engine(found: dict[str, Any]) -> list[str]:
    """Microseconds per step of every contestant at every length, the best of several rounds; then the goals."""
    rows = found["microseconds_per_step"]
    lengths = sorted({row["steps"] for row in rows})
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    figures = {(row["contestant"], row["steps"]): row for row in rows}

    def cell(name: str, steps: int) -> str:
        row = figures.get((name, steps))
        if row is None:
            return "–"
        return " / ".join(f"{row[key]:,.0f}" for key in ("cold_us", "cached_us") if row.get(key) is not None)

    return [
        "| µs per step, cold / everything known | " + " | ".join(f"{steps:,} steps" for steps in lengths) + " |",
        "|---" * (len(lengths) + 1) + "|",
        *(f"| {name} | " + " | ".join(cell(name, steps) for steps in lengths) + " |" for name in names),
        "",
        *goals(found),
    ]


def eviction(found: dict[str, Any]) -> list[str]:
    """Seconds of loading as a multiple of the optimum."""
    lines = ["| seconds of loading, times the optimum | least recently used | ours | goal |", "|---|---|---|---|"]
    for row in found["results"]:
        lru, ours = (row["policies"][name]["times_optimum"] for name in ("least recently used", "ours"))
        lines.append(f"| {row['setting']} | {lru:.3f} | {ours:.3f} | 1.05 |")
    return lines


def evaluation(found: dict[str, Any]) -> list[str]:
    """What share of each set is planned right, by the same model in three ways."""
    ways = {
        "base": "no adapter, told the tools",
        "once": "adapter",
        "embedded": "adapter, doubts followed, drawn again",
    }
    figures = {"held-out": "exact", "gta": "node_f1", "taskbench": "valid"}
    by_set: dict[str, dict[str, Any]] = {}
    for row in found["rows"]:
        by_set.setdefault(row["set"], {})[row["planner"]] = row
    lines = ["| set | figure | " + " | ".join(ways.values()) + " |", "|---" * (len(ways) + 2) + "|"]
    for name, rows in by_set.items():
        figure = figures.get(name, "job")
        cells = [f"{rows[way]['figures'][figure]:.3f} ({rows[way]['items']})" if way in rows else "–" for way in ways]
        lines.append(f"| {name} | {_FIGURES[figure]} | " + " | ".join(cells) + " |")
    return [*lines, "", *goals(found)]


def mistakes(found: dict[str, Any]) -> list[str]:
    """The ten most frequent mistakes of the embedded planner over our own two sets and the editing instructions."""
    counted: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        if row["planner"] == "embedded" and row["set"] in _COUNTED:
            for mistake in row["mistakes"]:
                counted.setdefault((mistake["sort"], mistake["what"]), []).append(mistake)
    most = sorted(counted.items(), key=lambda entry: -sum(mistake["items"] for mistake in entry[1]))[:10]
    lines = ["| mistake | wanted → given | requests | one of them |", "|---|---|---|---|"]
    for (sort, what), listed in most:
        request = " ".join(listed[0]["examples"][0]["request"].split()).replace("|", "\\|")
        lines.append(f"| {sort} | {what} | {sum(mistake['items'] for mistake in listed)} | {request[:140]} |")
    return lines


_COUNTED = ("held-out", "strangers", "edits")
_FIGURES = {"exact": "exactly right", "node_f1": "F1 of the tools", "valid": "valid", "job": "does the job"}


def geneval(found: dict[str, Any]) -> list[str]:
    """Share of right pictures by task, way and budget."""
    parts = {"six tasks": found["overall"], **found["kinds"]}
    budgets = ["1", "2", "4", "8"]
    ways = {"one shot": ["1"], "best of N": budgets[1:], "loop": budgets[1:]}
    heads = [f"{way} {budget}" if way != "one shot" else way for way, some in ways.items() for budget in some]
    lines = ["| right pictures | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, part in parts.items():
        cells = [f"{part[way][budget]:.3f}" for way, some in ways.items() for budget in some]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return [*lines, "", *goals(found)]


def _figure(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "planner": planner,
    "evaluation": evaluation,
    "engine": engine,
    "eviction": eviction,
    "geneval": geneval,
    "mistakes": mistakes,
}
"""Tables that are more than a list of goals."""
SOURCES = {"mistakes": "evaluation"}
"""Tables that are made from the results of another name."""


def filled(text: str) -> str:
    """Return the README with every table made anew from its results."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        found = json.loads((RESULTS / f"{SOURCES.get(name, name)}.json").read_text(encoding="utf-8"))
        lines = "\n".join(TABLES.get(name, goals)(found))
        return f"<!-- figures: {name} -->\n{lines}\n<!-- end -->"

    return re.sub(r"<!-- figures: (\w+) -->\n.*?<!-- end -->", table, text, flags=re.DOTALL)


def main() -> None:
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
