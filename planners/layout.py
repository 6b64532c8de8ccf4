"""Where the boxes of a drawing go: layers from top to bottom, few crossings, short edges.

The classic four steps of layered drawing (Sugiyama, Tagawa and Toda, 1981): layers by longest path, points
that carry long edges through the layers between, order within a layer by barycenters, then positions. All
long edges of one source share their points, so that an image which many steps use runs down as one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from ..tools.errors import UsageError

Node = tuple[str, int]
"""(name, layer): a box in its own layer, elsewhere a point through which its long edges run."""

GAP_X = 26.0
GAP_Y = 46.0
POINT = 14.0
"""Width that a passing edge keeps free."""
SWEEPS = 8


@dataclass(frozen=True)
class Layout:
    """Positions in pixels; y grows downwards."""

    centers: dict[Node, float]
    """x of the middle of each box and point."""
    tops: list[float]
    """y of the top of each layer."""
    heights: list[float]
    """Height of each layer."""
    layer: dict[str, int]
    edges: list[tuple[Node, Node]]
    """Between neighbouring layers."""

    @property
    def bottom(self) -> float:
        return self.tops[-1] + self.heights[-1] if self.tops else 0.0


def place(shape: nx.DiGraph[str], sizes_wh: Mapping[str, tuple[float, float]]) -> Layout:
    """Return the layout of a graph whose boxes have these sizes. Raises UsageError for a graph with a cycle."""
    try:
        generations = [list(names) for names in nx.topological_generations(shape)]
    except nx.NetworkXUnfeasible:
        raise UsageError("a plan whose steps wait for each other cannot be drawn; validate it first") from None
    layer = {name: i for i, names in enumerate(generations) for name in names}
    edges = _short_edges(shape, layer)
    rows: list[list[Node]] = [[(name, i) for name in names] for i, names in enumerate(generations)]
    for node in dict.fromkeys(end for edge in edges for end in edge):
        if layer[node[0]] != node[1]:
            rows[node[1]].append(node)
    above: dict[Node, list[Node]] = {}
    below: dict[Node, list[Node]] = {}
    for upper, lower in edges:
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    rows = _ordered(rows, above, below)
    widths = {node: sizes_wh[node[0]][0] if layer[node[0]] == node[1] else POINT for row in rows for node in row}
    heights = [max(sizes_wh[name][1] for name in names) for names in generations]
    tops = [sum(heights[:i]) + GAP_Y * i for i in range(len(heights))]
    return Layout(_positions(rows, widths, above, below), tops, heights, layer, edges)


def _short_edges(shape: nx.DiGraph[str], layer: Mapping[str, int]) -> list[tuple[Node, Node]]:
    """Cut every edge into pieces that lead from one layer to the next; pieces of one source are shared."""
    pieces: dict[tuple[Node, Node], None] = {}
    for source, target in shape.edges:
        first, last = layer[source], layer[target]
        stops = [(source, i) for i in range(first, last)] + [(target, last)]
        pieces.update(dict.fromkeys(pairwise(stops)))
    return list(pieces)


def _ordered(
    rows: list[list[Node]], above: Mapping[Node, list[Node]], below: Mapping[Node, list[Node]]
) -> list[list[Node]]:
    """Sort each layer by the mean place of its neighbors, down and up; keep the order with the fewest crossings."""
    best, fewest = rows, _crossings(rows, above)
    for sweep in range(SWEEPS):
        neighbors, order = (above, range(1, len(rows))) if sweep % 2 == 0 else (below, range(len(rows) - 2, -1, -1))
        rows = list(rows)
        for i in order:
            place = {node: j for row in rows for j, node in enumerate(row)}
            keys = {node: _mean([place[n] for n in neighbors.get(node, ())], place[node]) for node in rows[i]}
            rows[i] = sorted(rows[i], key=keys.__getitem__)
        number = _crossings(rows, above)
        if number < fewest:
            best, fewest = rows, number
    return best


def _crossings(rows: Sequence[Sequence[Node]], above: Mapping[Node, list[Node]]) -> int:
    """Count the pairs of edges that cross, by counting inversions layer by layer."""
    total = 0
    for upper, lower in pairwise(rows):
        place = {node: i for i, node in enumerate(upper)}
        ends = [place[n] for node in lower for n in sorted(above.get(node, ()), key=place.__getitem__)]
        total += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return total


def _positions(
    rows: list[list[Node]],
    widths: Mapping[Node, float],
    above: Mapping[Node, list[Node]],
    below: Mapping[Node, list[Node]],
) -> dict[Node, float]:
    """Move each node under the mean of its neighbors as far as its row allows; the leftmost edge comes to 0."""
    x: dict[Node, float] = {}
    for row in rows:
        x.update(zip(row, _spread([0.0] * len(row), [widths[node] for node in row]), strict=True))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            around = {node: [*above.get(node, ()), *below.get(node, ())] for node in row}
            wanted = [_mean([x[n] for n in around[node]], x[node]) for node in row]
            x.update(zip(row, _spread(wanted, [widths[node] for node in row]), strict=True))
    left = min((x[node] - widths[node] / 2 for node in x), default=0.0)
    return {node: center - left for node, center in x.items()}


def _spread(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Return centers near `wanted`, in the same order, far enough apart.

    Pushed once from the left and once from the right; the mean of two rows that keep their distances keeps
    them too.
    """
    steps = [(a + b) / 2 + GAP_X for a, b in pairwise(widths)]
    right = list(wanted)
    for i, step in enumerate(steps):
        right[i + 1] = max(right[i + 1], right[i] + step)
    left = list(wanted)
    for i in range(len(steps) - 1, -1, -1):
        left[i] = min(left[i], left[i + 1] - steps[i])
    return [(a + b) / 2 for a, b in zip(left, right, strict=True)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
