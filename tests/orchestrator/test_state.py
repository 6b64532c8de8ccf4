"""The run-state machine: whatever the graph and whatever fails, its promises hold."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.orchestrator.state import Ending, RunState
from diptych.orchestrator.structure import Node, ancestors, remaining_path, structure
from diptych.tools.errors import UsageError


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Node]:
    """Draw a DAG of up to 12 steps, some of them conditional, some with something to hand on."""
    nodes: dict[str, Node] = {}
    for index in range(draw(st.integers(0, 12))):
        earlier = ["input", *nodes]
        needs = draw(st.frozensets(st.sampled_from(earlier), max_size=3))
        condition = draw(st.none() | st.sampled_from(earlier))
        through = draw(st.none() | st.sampled_from(sorted(needs))) if needs and condition else None
        nodes[f"s{index}"] = Node(needs, condition, draw(st.booleans()), through)
    return nodes


@given(nodes=graphs(), data=st.data())
def test_promises_of_the_machine(nodes: dict[str, Node], data: st.DataObject) -> None:
    state = RunState(nodes, {"input": data.draw(st.booleans())})
    endings: list[Ending] = state.begin()
    started: list[str] = []
    while not state.over:
        moves = [*(("start", s) for s in state.ready), *((how, s) for s in sorted(state.running) for how in ENDS)]
        moves += [] if state.cancelled else [("cancel", "")]
        waiting = [name for name in nodes if name not in state.ended and name not in state.running]
        moves += [("drop", name) for name in waiting]
        move, step = data.draw(st.sampled_from(moves))
        if move == "start":
            assert not state.cancelled, "nothing starts after a cancel"
            ended = {ending.step: ending.status for ending in endings}
            for source in nodes[step].needs - {"input"}:
                assert ended.get(source) in ("done", "passed through"), "nothing starts before its inputs"
            state.start(step)
            started.append(step)
        elif move == "cancel":
            endings += state.cancel()
        elif move == "drop":
            endings += state.drop(step, "not wanted")
        elif move == "finish":
            endings += state.finish(step, data.draw(st.booleans()))
        elif move == "fail":
            endings += state.fail(step, "broken")
        else:
            endings += state.stop(step)
    assert Counter(ending.step for ending in endings) == Counter(list(nodes)), "every step ends exactly once"
    for ending in endings:
        assert (ending.step in started) >= (ending.status in ("done", "failed"))
        if ending.status == "passed through":
            assert ending.step not in started


ENDS = ("finish", "fail", "stop")


def test_a_failure_names_the_root_to_the_last_dependent() -> None:
    state = RunState({"a": Node(), "b": Node(frozenset("a")), "c": Node(frozenset("b")), "d": Node()})
    state.begin()
    state.start("a")
    endings = state.fail("a", "no text")
    assert [(e.step, e.status, e.reason) for e in endings] == [
        ("a", "failed", "no text"),
        ("b", "skipped", "step 'a' failed: no text"),
        ("c", "skipped", "step 'a' failed: no text"),
    ]
    assert list(state.ready) == ["d"]


def test_a_cycle_is_refused_by_name() -> None:
    nodes = {"x": Node(), "d": Node(frozenset("c")), "a": Node(frozenset("bx")), "b": Node(frozenset("c"))}
    with pytest.raises(UsageError, match=r"the steps '[abc]', '[abc]', '[abc]' wait for each other"):
        structure({**nodes, "c": Node(frozenset("a"))})


@given(nodes=graphs(), data=st.data())
def test_the_structure_knows_who_waits_for_whom(nodes: dict[str, Node], data: st.DataObject) -> None:
    shuffled = {name: nodes[name] for name in data.draw(st.permutations(sorted(nodes)))}
    before, after, order = structure(shuffled)
    places = {name: place for place, name in enumerate(order)}
    assert sorted(order) == sorted(nodes)
    for name, node in nodes.items():
        assert sorted(before[name]) == sorted(node.sources & nodes.keys())
        assert all(places[source] < places[name] and name in after[source] for source in before[name])
        needed = {name}.union(*(ancestors(before, [source]) for source in before[name]))
        assert ancestors(before, [name]) == needed


def test_the_longest_way_counts_from_a_steps_start() -> None:
    graph = structure({"a": Node(), "b": Node(frozenset("a")), "c": Node(frozenset("a"))})
    assert remaining_path(graph, {"a": 1.0, "b": 5.0, "c": 2.0}) == {"a": 6.0, "b": 5.0, "c": 2.0}


def test_only_ready_steps_start() -> None:
    state = RunState({"a": Node(), "b": Node(frozenset("a"))})
    state.begin()
    with pytest.raises(UsageError, match="step 'b' cannot start: it is waiting"):
        state.start("b")
