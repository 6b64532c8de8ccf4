"""The chain of no-op steps on LangGraph, in memory and with its SQLite saver: see `served`.

The graph is compiled, and the file opened, before the clock starts.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from served import serve


class State(TypedDict):
    """What the nodes hand on."""

    number: int


def plus_one(state: State) -> State:
    """Add one."""
    return {"number": state["number"] + 1}


def chain(length: int) -> Any:
    """Return a graph of that many nodes in a row, not compiled yet."""
    graph = StateGraph(State)
    names = [START, *(f"s{i}" for i in range(length)), END]
    for name in names[1:-1]:
        graph.add_node(name, plus_one)
    for before, after in itertools.pairwise(names):
        graph.add_edge(before, after)
    return graph


def in_memory(length: int, folder: Path) -> dict[str, float]:
    """Time one run without a saver."""
    return {"cold": seconds(chain(length).compile(), length)}


def with_sqlite(length: int, folder: Path) -> dict[str, float]:
    """Time one run that saves a checkpoint per step."""
    connection = sqlite3.connect(folder / "checkpoints.db", check_same_thread=False)
    try:
        saver = SqliteSaver(connection)
        saver.setup()
        return {"cold": seconds(chain(length).compile(checkpointer=saver), length)}
    finally:
        connection.close()


def seconds(graph: Any, length: int) -> float:
    """Return how long a run takes; its answer is checked."""
    options = {"recursion_limit": length + 10, "configurable": {"thread_id": "1"}}
    start = time.perf_counter()
    result = graph.invoke({"number": 0}, options)
    taken = time.perf_counter() - start
    assert result == {"number": length}
    return taken


if __name__ == "__main__":
    serve({"memory": in_memory, "sqlite": with_sqlite})
