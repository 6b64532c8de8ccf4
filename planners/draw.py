"""A plan as a picture: one SVG without scripts, fonts or links, readable on light and on dark pages."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

import networkx as nx

from ..tools.catalogue import Catalogue
from .layout import GAP_Y, Layout, Node, place
from .plan import Plan, Step, referenced
from .structure import graph, output_types

Status = Literal["waiting", "running", "done", "cached", "skipped", "failed"]

MARGIN = 24.0
THUMBNAIL = 46.0
LINE = 16.0
CHARACTER = 6.6
"""Mean width of a character of the small text, in pixels."""

STYLE = """
.diptych{--page:#fff;--ink:#1c2330;--soft:#5b6675;--line:#8a95a5;--card:#f4f6f8;--rim:#c3cad3;
--generative:#f3e8ff;--generative-rim:#9333ea;--discriminative:#e0f2fe;--discriminative-rim:#0284c7;
--plain:#ecf5ec;--plain-rim:#4d9a56;--output:#d97706;--bad:#dc2626;--good:#16a34a}
@media (prefers-color-scheme:dark){.diptych{--page:#14181f;--ink:#e8ecf2;--soft:#a3aebd;--line:#6c7888;--card:#222833;
--rim:#4a5566;--generative:#34204d;--generative-rim:#b57bee;--discriminative:#10304a;--discriminative-rim:#4aa8e0;
--plain:#1d3524;--plain-rim:#62b36c;--output:#f0a53a;--bad:#f87171;--good:#4ade80}}
.diptych text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--soft)}
.diptych .name{font-weight:600;font-size:13px;fill:var(--ink)}
.diptych .page{fill:var(--page)}
.diptych .box{fill:var(--card);stroke:var(--rim);stroke-width:1.3}
.diptych .generative{fill:var(--generative);stroke:var(--generative-rim)}
.diptych .discriminative{fill:var(--discriminative);stroke:var(--discriminative-rim)}
.diptych .plain{fill:var(--plain);stroke:var(--plain-rim)}
.diptych .check{stroke-dasharray:5 3}
.diptych .output{fill:none;stroke:var(--output);stroke-width:2.4}
.diptych .edge{fill:none;stroke:var(--line);stroke-width:1.2;stroke-dasharray:none}
.diptych .image{stroke-width:2.2}
.diptych .tip{fill:var(--line)}
.diptych .waiting{fill:var(--rim)}.diptych .running{fill:var(--output)}.diptych .done{fill:var(--good)}
.diptych .cached{fill:var(--discriminative-rim)}.diptych .skipped{fill:var(--soft)}.diptych .failed{fill:var(--bad)}
"""


@dataclass(frozen=True)
class _Box:
    """One input, step or check, ready to be drawn."""

    name: str
    title: str
    lines: tuple[str, ...]
    style: str
    output: bool
    thumbnail: bytes | None
    status: str | None

    @property
    def size_wh(self) -> tuple[float, float]:
        texts = max(len(line) for line in ("", *self.lines)) * CHARACTER
        title = len(self.title) * (CHARACTER + 1.6) + (14 if self.status else 0)
        width = max(title, texts) + 30 + (THUMBNAIL + 8 if self.thumbnail else 0)
        height = 33 + LINE * len(self.lines)
        return min(max(width, 104), 260), max(height, THUMBNAIL + 12 if self.thumbnail else 33)


def to_svg(
    plan: Plan,
    catalogue: Catalogue,
    *,
    thumbnails: Mapping[str, bytes] | None = None,
    statuses: Mapping[str, Status] | None = None,
) -> str:
    """Return the graph of a plan as an SVG document, inputs at the top.

    `thumbnails` (PNG or JPEG bytes) and `statuses` are by the name of an input, step or check (`check_1`).
    Unknown tools and dangling references are drawn as far as they go. Raises UsageError for a cycle.
    """
    shape = graph(plan)
    boxes = _boxes(plan, catalogue, shape, thumbnails or {}, statuses or {})
    layout = place(shape, {name: box.size_wh for name, box in boxes.items()})
    drawing = _right(layout, boxes)
    width, height = max(drawing, _LEGEND_WIDTH) + 2 * MARGIN, layout.bottom + 2 * MARGIN + 34
    types = output_types(plan, catalogue)
    images = {name for name, given in types.items() if given and given.kind == "Image"}
    body = [
        f'<g transform="translate({(width - drawing) / 2:.1f},{MARGIN:.0f})">',
        *(_edge(edge, layout, boxes, edge[0][0] in images) for edge in layout.edges),
        *(_card(box, layout) for box in boxes.values()),
        "</g>",
        _legend((width - _LEGEND_WIDTH) / 2, layout.bottom + 2 * MARGIN),
    ]
    title = _text(plan.request or "plan", 200)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diptych" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img"><title>{title}</title><style>{STYLE}</style>'
        '<rect class="page" width="100%" height="100%"/>' + "\n".join(body) + "</svg>\n"
    )


def _right(layout: Layout, boxes: Mapping[str, _Box]) -> float:
    """Return where the rightmost box or line ends."""
    ends = [layout.centers[name, layout.layer[name]] + box.size_wh[0] / 2 for name, box in boxes.items()]
    return max([0.0, *ends, *layout.centers.values()])


def _boxes(
    plan: Plan,
    catalogue: Catalogue,
    shape: nx.DiGraph[str],
    thumbnails: Mapping[str, bytes],
    statuses: Mapping[str, Status],
) -> dict[str, _Box]:
    steps = {step.id: step for step in [*plan.checked_steps(), *reversed(plan.steps)]}
    outputs = {referenced(output) for output in plan.outputs}
    boxes = {}
    for name, facts in shape.nodes.items():
        extra = (name in outputs, thumbnails.get(name), statuses.get(name))
        if facts["role"] == "input":
            boxes[name] = _Box(name, f"${name}", (plan.inputs[name],), "input", *extra)
        else:
            step = steps[name]
            tool = catalogue.get(step.tool)
            style = (tool.panel if tool else "unknown") + (" check" if facts["role"] == "check" else "")
            boxes[name] = _Box(name, step.tool, _lines(step), style, *extra)
    return boxes


def _lines(step: Step) -> tuple[str, ...]:
    """Id and plain arguments, then what makes the step conditional or repeated."""
    lines = [] if step.id.rstrip("0123456789_") == step.tool else [f"${step.id}"]
    for argument, value in step.args.items():
        if (
            value is not None
            and not referenced(value)
            and not (isinstance(value, list) and any(map(referenced, value)))
        ):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            lines.append(f"{argument}: {shown}")
    if step.for_each:
        lines.append(f"for each {step.for_each}")
    if step.when:
        lines.append(f"when {step.when}")
    return tuple(_cut(line, 34) for line in (lines if len(lines) <= 6 else [*lines[:5], f"… {len(lines) - 5} more"]))


def _card(box: _Box, layout: Layout) -> str:
    width, height = box.size_wh
    layer = layout.layer[box.name]
    x, y = layout.centers[box.name, layer] - width / 2, layout.tops[layer]
    left = THUMBNAIL + 20 if box.thumbnail else 14
    parts = [f'<rect class="box {box.style}" width="{width:.1f}" height="{height:.1f}" rx="9"/>']
    if box.output:
        parts.append(f'<rect class="output" x="-4" y="-4" width="{width + 8:.1f}" height="{height + 8:.1f}" rx="12"/>')
    if box.thumbnail:
        parts.append(_picture(box.thumbnail, (height - THUMBNAIL) / 2))
    parts.append(f'<text class="name" x="{left:.0f}" y="21">{_text(box.title, 30)}</text>')
    for i, line in enumerate(box.lines, 1):
        parts.append(f'<text x="{left:.0f}" y="{21 + LINE * i:.0f}">{_text(line, 34)}</text>')
    if box.status:
        status = re.sub(r"\W", "", box.status)
        parts.append(f'<circle class="{status}" cx="{width - 12:.1f}" cy="12" r="4.5"><title>{status}</title></circle>')
    return f'<g transform="translate({x:.1f},{y:.1f})">{"".join(parts)}</g>'


def _picture(data: bytes, y: float) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<image x="10" y="{y:.1f}" width="{THUMBNAIL:.0f}" height="{THUMBNAIL:.0f}" href="{url}"/>'


def _edge(edge: tuple[Node, Node], layout: Layout, boxes: Mapping[str, _Box], image: bool) -> str:
    """A smooth line from the bottom of one layer to the next; straight through the layer where it only passes."""
    (source, upper), (target, lower) = edge
    x0, x1 = layout.centers[source, upper], _arrival(edge, layout, boxes)
    passes = layout.layer[source] != upper
    y0 = layout.tops[upper] + (layout.heights[upper] if passes else boxes[source].size_wh[1])
    y1 = layout.tops[lower]
    bend = layout.tops[lower] - GAP_Y / 2
    start = f"M{x0:.1f},{layout.tops[upper]:.1f}V{y0:.1f}" if passes else f"M{x0:.1f},{y0:.1f}"
    straight = f"V{layout.tops[upper] + layout.heights[upper]:.1f}"
    path = f"{start}{straight}C{x0:.1f},{bend:.1f} {x1:.1f},{bend:.1f} {x1:.1f},{y1:.1f}"
    tip = "" if layout.layer[target] != lower else f'<path class="tip" d="M{x1:.1f},{y1:.1f}l-4,-7h8z"/>'
    return f'<path class="edge{" image" if image else ""}" d="{path}"/>{tip}'


def _arrival(edge: tuple[Node, Node], layout: Layout, boxes: Mapping[str, _Box]) -> float:
    """Spread the edges that arrive at one box over its upper side, in the order of where they come from."""
    _, lower = edge
    center = layout.centers[lower]
    if layout.layer[lower[0]] != lower[1]:
        return center
    sources = sorted((upper for upper, end in layout.edges if end == lower), key=layout.centers.__getitem__)
    share = (sources.index(edge[0]) + 1) / (len(sources) + 1) - 0.5
    return center + share * boxes[lower[0]].size_wh[0] * 0.8


LEGEND = (
    ("input", "input"),
    ("generative", "generative"),
    ("discriminative", "discriminative"),
    ("plain", "plain"),
    ("check", "check"),
    ("output", "output"),
)
_LEGEND_WIDTH = sum(34 + 7 * len(word) for _, word in LEGEND)


def _legend(left: float, y: float) -> str:
    parts, x = [], 0
    for style, word in LEGEND:
        parts.append(f'<rect class="box {style}" x="{x}" width="16" height="12" rx="3"/>')
        parts.append(f'<text x="{x + 21}" y="10">{word}</text>')
        x += 34 + 7 * len(word)
    return f'<g transform="translate({left:.1f},{y:.1f})">{"".join(parts)}</g>'


def _text(text: str, limit: int) -> str:
    """Escape, shorten, and drop the control characters that XML forbids."""
    return escape(_cut(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", " ", text), limit))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
