"""The grammar of the next line of a plan: tools whose inputs exist, references of the right type, words of the request.

A plan is written line by line (see `notation.py`). A grammar of the whole plan cannot know what the lines before have
made; a grammar of one line, made when these are known, lets through no reference of a wrong type and no step that
comes too early. It is GBNF, the notation of llama.cpp.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import copy

from ..tools.catalogue import Catalogue
from ..tools.colors import basic_colors, is_color
from ..tools.tool import Param, Port, Tool, Type
from .arguments import CONDITIONS
from .copying import ALWAYS, phrases_of, words_of
from .languages import is_foreign, things_of
from .notation import LETTERS, arguments

MOST_STEPS = 20
QUERY = "query"
"""The parameter of every tool that looks for a thing."""


class LineGrammar:
    """Gives the grammar of each line in turn, and is told the line that was written.

    Free text in steps is a run of words of the request, where that is in English. In another language that is known,
    what is looked for is the English name of something that the request names.
    """

    def __init__(self, inputs: Sequence[str], catalogue: Catalogue, request: str) -> None:
        self._catalogue = catalogue
        self._inputs = tuple(inputs)
        self._words = words_of(request)
        foreign = is_foreign(request)
        self._things = things_of(request) if foreign else ()
        spoken = self._words if self._words is not None else [[word] for word in request.split()]
        named = list(filter(is_color, phrases_of(spoken)))
        # Where others are offered as well, a small model takes one that it knows for one that it does not.
        self._colors = dict.fromkeys([*named, "black", "white"] if named and not foreign else [*named, *basic_colors()])
        self._names_colors = self._words is not None or foreign
        self._values = {
            (tool.id, param.name): self._value(param) for tool in catalogue.values() for param in tool.params.values()
        }
        self._begin()

    def _begin(self) -> None:
        self._types = dict.fromkeys(self._inputs, Type("Image"))
        self._steps = 0
        self._ended = False

    def afresh(self) -> LineGrammar:
        """Return the grammar of the same plan with no line written."""
        other = copy(self)
        other._begin()
        return other

    def add(self, line: str) -> None:
        """Take note of the next line of the plan, without its line break."""
        letter, name, *_ = [*line.split(" ", 2), ""]
        if name not in self._catalogue:
            self._ended = True  # a refusal, or a line that was cut off: reading it tells
            return
        output = self._catalogue[name].output
        self._types[letter] = Type(output.kind, many=output.many or " each=" in line)
        self._steps += 1

    def rules(self) -> str:
        """Return the grammar of the next line with its line break, or of nothing more; empty when none may follow."""
        if self._ended or self._steps >= MOST_STEPS:
            return ""
        calls = [found for tool in self._catalogue.values() if (found := list(self._calls(tool)))]
        if self._steps and not calls:
            return ""
        line = f'"{LETTERS[self._steps]} " call "\\n"'
        rules = [
            f"root ::= ({line})?" if self._steps else f"root ::= {line} | refuse" if calls else "root ::= refuse",
            'refuse ::= ("refuse " | "ask ") free "\\n"',
            f"call ::= {' | '.join(f't{i}' for i in range(len(calls)))}" if calls else "",
            *(f"t{i} ::= {' | '.join(found)}" for i, found in enumerate(calls)),
            *(f"{_rule_of(type)} ::= {_any_of(self._names(type))}" for type in dict.fromkeys(self._types.values())),
            f"asked ::= {_any_of(self._names(*CONDITIONS))}" if self._names(*CONDITIONS) else "",
            'free ::= "\\"" ([^"\\\\\\n] | "\\\\" ["\\\\/bfnrt]){1,300} "\\""',
            *_string_rules(self._words),
            f"thing ::= {_any_of([json.dumps(thing) for thing in (*self._things, *ALWAYS)])}",
            f"color ::= {_any_of(list(map(_quoted, self._colors)))}",
            *(f"{name} ::= {rule}" for name, rule in _PLAIN.items()),
        ]
        return "\n".join(filter(None, rules)) + "\n"

    def _names(self, *types: Type) -> list[str]:
        return [name for name, type in self._types.items() if type in types]

    def _calls(self, tool: Tool) -> Iterator[str]:
        """Yield the ways to call a tool now: once, and once per item of each list that there is for a port."""
        for each in (None, *(port for port in tool.ports.values() if self._lists(tool, port))):
            rule = self._call(tool, each)
            if rule:
                yield rule

    def _lists(self, tool: Tool, port: Port) -> bool:
        return not port.type.many and not tool.output.many and bool(self._names(Type(port.type.kind, many=True)))

    def _call(self, tool: Tool, each: Port | None) -> str:
        """Return a rule without brackets around it; empty when something that the tool needs is not there."""
        rule = f'"{tool.id}"'
        for name, argument in arguments(tool):
            value = self._reference(argument, each) if isinstance(argument, Port) else self._word(tool, argument)
            needed = argument.required or argument is each
            if needed and not value:
                return ""
            written = f'" {"" if argument.required else name + "="}" {value}'
            if value:
                rule += f" {written}" if needed else f" ({written})?"
        rule += f' " each={each.name}"' if each else ""
        return rule + (' ((" when=" | " unless=") asked)?' if self._names(*CONDITIONS) else "")

    def _reference(self, port: Port, each: Port | None) -> str:
        """Return the rule of what can be wired to a port; empty where nothing can."""
        many = Type(port.type.kind, many=True)
        if port is each:
            return _rule_of(many)
        one = _rule_of(Type(port.type.kind)) if self._names(Type(port.type.kind)) else ""
        if not port.type.many:
            return one
        whole = _rule_of(many) if self._names(many) else ""
        listed = f'"[" {one} ("," {one})* "]"' if one else ""
        return "(" + " | ".join(filter(None, [listed, whole])) + ")" if listed or whole else ""

    def _word(self, tool: Tool, param: Param) -> str:
        """Return the rule of a parameter: a plain value, or a reference to one."""
        kinds = [Type(kind) for kind in param.accepts]
        found = [self._values[tool.id, param.name], *(_rule_of(kind) for kind in kinds if self._names(kind))]
        return found[0] if len(found) == 1 else "(" + " | ".join(found) + ")"

    def _value(self, param: Param) -> str:
        """Return the rule of a plain value of a parameter."""
        if param.choices:
            return "(" + _any_of([json.dumps(choice) for choice in param.choices]) + ")"
        if "array" in param.types:
            return "strings"
        if "boolean" in param.types:
            return "boolean"
        if param.types & {"number", "integer"}:
            return "number" if param.fits(-1) else "amount"
        if param.name == QUERY and self._things:
            return "thing"
        return "color" if self._names_colors and param.takes_color else "string"


_PLAIN: Mapping[str, str] = {
    "strings": '"[" string ("," string)* "]"',
    "number": '"-"? amount',
    "amount": '[0-9]{1,5} ("." [0-9]{1,3})?',
    "boolean": '"true" | "false"',
}


def _rule_of(type: Type) -> str:
    return f"any{type.kind}" + ("s" if type.many else "")


def _any_of(names: Sequence[str]) -> str:
    return " | ".join(map(_quoted, names))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _string_rules(words: Sequence[Sequence[str]] | None) -> Iterator[str]:
    """Yield the rules of free text: a run of words of the request, each in one of its forms, or a figure.

    'the faces of A and B' names two faces, so that `face of` may stand before any run.
    """
    if words is None:
        yield "string ::= free"
        return
    runs = [f"w{place}" for place, forms in enumerate(words) if forms]
    yield f"run ::= {' | '.join([*runs, 'said'])}"
    yield f"whose ::= {' | '.join(runs) or 'said'}"
    for place, forms in enumerate(words):
        if forms:
            onward = f' (" " w{place + 1})?' if f"w{place + 1}" in runs else ""
            yield f"w{place} ::= ({_any_of([json.dumps(form, ensure_ascii=False)[1:-1] for form in forms])}){onward}"
    yield f"said ::= {_any_of(ALWAYS)} | [0-9#] [0-9a-f:.%/-]{{0,8}}"
    yield 'string ::= "\\"" (run (" areas")? | "face of " whose) "\\""'
