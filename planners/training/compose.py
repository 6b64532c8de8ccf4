"""Makes requests the way people write them: clauses joined, wrapped, misspelled; each with its plan."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import partial

from ...tools.catalogue import Catalogue
from ..line_grammar import MOST_STEPS
from ..notation import write_steps
from ..planner import input_names
from .banks import holdout, phrases
from .builds import enough
from .clauses import Clause, Example
from .draft import Draft
from .followups import NOTHING_ELSE, OTHERWISE
from .intents import FINAL, INTENTS, QUESTIONS
from .joining import (
    ALIKE,
    BESIDE,
    EMPHASIS,
    JOINERS,
    ONE_AREA,
    PARTIAL,
    REST,
    SELECTING,
    SHAPING,
    SIZING,
    TWO,
    in_a_row,
    with_reason,
    with_story,
)
from .noise import misspell, punctuate, strip_marks, wrap
from .pointing import counted, pointing
from .slots import Filler, Slot, Target
from .speech import again, complaining, corrected, introduced, listed, respectively
from .translated import foreign, foreign_compound

_USUAL, _USUALLY = 8, 0.25
"""Most people word a wish in one of a few ways, which stand first in its section; training hears them this often."""


class _TooLong(Exception):
    """More steps than a plan of the small model may have: to be drawn again."""


class Composer:
    """Draws examples; the same seed gives the same examples."""

    def __init__(self, catalogue: Catalogue, seed: int, *, test: bool = False) -> None:
        self.catalogue = catalogue
        self.draw = random.Random(f"{seed}:{'test' if test else 'train'}")
        self.filler = Filler(self.draw, test=test)
        self.test = test

    def __iter__(self) -> Iterator[Example]:
        while True:
            yield self.example()

    def example(self) -> Example:
        """Return one example of any sort; of what is hardest to learn, training sees more than the test."""
        sorts: list[Callable[[], Example]] = [
            self.single,
            self.compound,
            self.conditional,
            self.refusal,
            self.unclear,
            partial(foreign, self),
            self.several,
            partial(pointing, self),
            partial(counted, self),
            self.complement,
            partial(foreign_compound, self),
            partial(listed, self),
            partial(corrected, self),
            partial(introduced, self),
            partial(again, self),
            partial(complaining, self),
            partial(respectively, self),
        ]
        weights = [
            33,
            33,
            7,
            5,
            2,
            2 if self.test else 9,
            4,
            8,
            2,
            4,
            1 if self.test else 6,
            2,
            1,
            2,
            2,
            2,
            1 if self.test else 3,
        ]
        while True:
            try:
                return self.draw.choices(sorts, weights)[0]()
            except _TooLong:
                continue

    # Sorts of requests

    def single(self) -> Example:
        """One clause, on its own."""
        kind = self.kind_of(list(INTENTS))
        clause = self.clause(kind)
        bare = "prompt" in clause.slots and clause.text.startswith(clause.slots["prompt"].text)
        inputs = () if bare else self.inputs([kind], clause.text)  # beside a photo, a bare description says nothing
        draft = Draft(f"${inputs[0]}" if inputs else None)
        self.build(clause, draft, inputs)
        text = clause.text if kind in QUESTIONS or bare else self.framed(clause.text)
        return self.finish(text, inputs, draft, [kind])

    def compound(self) -> Example:
        """Two to four clauses in a row, the last may be a question or the comparison with the original."""
        count = self.draw.choices([2, 3, 4], weights=[70, 25, 5] if self.test else [55, 32, 13])[0]
        kinds = [self.kind_of([k for k in INTENTS if k not in FINAL]) for _ in range(count)]
        if self.draw.random() < 0.3:
            # Two selections in one sentence are what a small model mixes up first.
            kinds[:2] = [self.draw.choice(SELECTING), self.draw.choice(SELECTING)]
        elif self.draw.random() < 0.06:
            kinds[:2] = [self.draw.choice(SHAPING), self.draw.choice(SIZING)]
        alone = all(INTENTS[kind].inputs == 1 for kind in kinds[1:])
        first = "generate" if alone and self.draw.random() < 0.07 else ""
        if first:
            kinds[0] = first
        clauses = [self.clause(kind, joins=True) for kind in self.apart(kinds)]
        inputs = () if first else self.inputs([c.kind for c in clauses], " ".join(c.text for c in clauses))
        draft = Draft(f"${inputs[0]}" if inputs else None)
        for clause in clauses:
            self.build(clause, draft, inputs)
        text = in_a_row(self.draw, [clause.text for clause in clauses])
        edited = draft.image != (f"${inputs[0]}" if inputs else "")
        if edited and inputs and self.draw.random() < 0.06 and clauses[-1].kind not in QUESTIONS:
            tail = self.filler.entry("before_after")
            text += " " + tail.removeprefix("! ")
            draft.image = draft.add("collage", images=["$photo", draft.image])
        return self.finish(self.framed(text), inputs, draft, [c.kind for c in clauses])

    def complement(self) -> Example:
        """One edit of a thing, another of all that is left: `pixelate the face and make the rest sepia`."""
        first = self.clause(self.kind_of(list(PARTIAL)), joins=True)
        thing = first.slots["t"] if "t" in first.slots else first.slots["o"]
        if thing.value.kind in ("background", "subject"):
            other = "subject" if thing.value.kind == "background" else "background"
            rest = Slot(self.filler.entry(f"{other}s"), Target(other))
        elif thing.value.kind == "except":
            rest = Slot(self.draw.choice(["the rest", "what is left"]), thing.value.parts[0])
        else:
            rest = Slot(self.draw.choice(REST), Target("except", parts=(thing.value,)))
        second = self.clause(self.kind_of([kind for kind in PARTIAL if kind != first.kind]), joins=True, t=rest)
        inputs = self.inputs([first.kind])
        draft = Draft(f"${inputs[0]}")
        self.build(first, draft, inputs)
        self.build(second, draft, inputs)
        joiner = self.draw.choice(BESIDE) if self.draw.random() < 0.5 else self.draw.choice(JOINERS)
        return self.finish(self.framed(first.text + joiner + second.text), inputs, draft, ["complement"])

    def conditional(self) -> Example:
        """An edit that happens only if something is, or is not, in the image, or is there so many times."""
        if self.draw.random() < 0.2:
            return self._counting()
        negative = self.draw.random() < 0.3
        frame = self.filler.entry("if_not" if negative else "if_then")
        simple = [k for k in INTENTS if INTENTS[k].inputs == 1 and k not in FINAL | QUESTIONS]
        clause = self.clause(self.kind_of(simple), joins=True)
        subject = self.filler.fill("bare" if negative else "any")
        inputs = self.inputs([clause.kind])
        draft = Draft(f"${inputs[0]}")
        found = draft.add("exists", boxes=subject.value.boxes(draft))
        draft.when = f"not {found}" if negative else found
        self.build(clause, draft, inputs)
        text = frame.removeprefix("! ").format(any=subject.text, bare=subject.text, clause=clause.text)
        text += self.otherwise(draft, inputs) if frame.endswith("{clause}") else ""
        return self.finish(text, inputs, draft, ["if_not" if negative else "if_then", clause.kind])

    def _counting(self) -> Example:
        """An edit that happens only if there are enough things, or too few."""
        few = self.draw.random() < 0.35
        frame = self.filler.entry("if_fewer" if few else "if_at_least").removeprefix("! ")
        simple = [k for k in INTENTS if INTENTS[k].inputs == 1 and k not in FINAL | QUESTIONS]
        clause = self.clause(self.kind_of(simple), joins=True)
        slots = {name: self.filler.fill(name) for name in ("n", "more", "least") if f"{{{name}}}" in frame}
        inputs = self.inputs([clause.kind])
        draft = Draft(f"${inputs[0]}")
        found = enough(draft, slots)
        draft.when = f"not {found}" if few else found
        self.build(clause, draft, inputs)
        text = frame.format(**{name: slot.text for name, slot in slots.items()}, clause=clause.text)
        return self.finish(text, inputs, draft, ["if_fewer" if few else "if_at_least", clause.kind])

    def otherwise(self, draft: Draft, inputs: tuple[str, ...]) -> str:
        """Now and then, what happens when the condition does not hold."""
        roll = self.draw.random()
        if roll < 0.35 and draft.when and not draft.when.startswith("not "):
            simple = [k for k in INTENTS if INTENTS[k].inputs == 1 and k not in FINAL | QUESTIONS]
            clause = self.clause(self.kind_of(simple), joins=True)
            draft.when = f"not {draft.when}"
            self.build(clause, draft, inputs)
            return self.draw.choice(OTHERWISE).format(c=clause.text)
        return self.draw.choice(NOTHING_ELSE) if roll < 0.45 else ""

    def several(self) -> Example:
        """The same edit on every input, or an edit on the second input only."""
        inputs = tuple(input_names(self.draw.choice([2, 2, 3])))
        simple = [
            k
            for k in INTENTS
            if INTENTS[k].inputs == 1 and k not in FINAL | QUESTIONS and not k.startswith("background_s")
        ]
        clause = self.clause(self.kind_of(simple), joins=True)
        draft = Draft("$photo")
        if self.draw.random() < 0.45:
            draft.switch("$photo2")
            self.build(clause, draft, inputs)
            second = self.filler.fill("photo2").text
            text = self.draw.choice(
                ["in {s}, {c}", "{c} in {s}", "for {s}: {c}", "take {s} and {c}", "{c}, but only in {s}"]
            ).format(s=second, c=clause.text)
            return self.finish(self.framed(text), inputs, draft, ["second", clause.kind])
        results = []
        for name in inputs:
            draft.switch(f"${name}")
            self.build(clause, draft, inputs)
            results.append(draft.image)
        group = self.draw.choice(
            [
                "both images",
                "each image",
                "all of these photos",
                "each of them",
                "all the images",
                "every photo",
                "both photos",
                "all pictures",
            ]
        )
        text = self.draw.choice(
            ["for {g}, {c}", "{c} in {g}", "in {g}, {c}", "{g}: {c}", "do this for {g}: {c}"]
        ).format(g=group, c=clause.text)
        if self.draw.random() < 0.4:
            collage = self.clause("collage_row", joins=True)
            collage.slots["inputs"] = Slot("", tuple(results))
            INTENTS["collage_row"].build(draft, collage.slots)
            text += self.draw.choice([" and ", ", then ", " and then ", ". then "]) + collage.text
        return self.finish(self.framed(text), inputs, draft, ["each", clause.kind])

    def refusal(self) -> Example:
        """Something that no tool can do, alone or after something that one can."""
        request, _, missing = self.filler.entry("refuse").partition("=>")
        text, kinds = request.strip(), ["refuse"]
        if self.draw.random() < (0.15 if self.test else 0.25):
            text = (
                self.clause(self.kind_of([k for k in INTENTS if INTENTS[k].inputs == 1]), joins=True).text
                + self.draw.choice(JOINERS)
                + text
            )
        else:
            text = self.framed(text) if self.draw.random() < 0.4 else text
        return self._answer(text, f'refuse "{missing.strip()}"\n', kinds)

    def unclear(self) -> Example:
        request, _, question = self.filler.entry("ask").partition("=>")
        return self._answer(request.strip(), f'ask "{question.strip()}"\n', ["ask"])

    # Parts

    def clause(self, kind: str, *, joins: bool = False, last: str = "", **given: Slot) -> Clause:
        """Return a filled phrase of a section; with `joins`, one that can stand in a compound.

        What is `given` fills its blank, so that only phrases that have it are drawn; of these, where there are any,
        one that ends in the blank `last`.
        """
        pool = holdout(phrases()[kind], kind, test=self.test)
        pool = [line for line in pool if not line.startswith("! ")] or pool if joins else pool
        pool = [line for line in pool if all(f"{{{name}}}" in line for name in given)] or pool
        pool = [line for line in pool if line.endswith(f"{{{last}}}")] or pool
        usual = [line for line in pool[:_USUAL] if "{" in line]
        if len(usual) == _USUAL and not self.test and self.draw.random() < _USUALLY:
            pool = usual
        template = self.draw.choice(pool).removeprefix("! ")
        names = re.findall(r"\{(\w+)\}", template)
        alone = {"o": "one"} if kind in ONE_AREA else {}
        slots = {name: given.get(name) or self.filler.fill(alone.get(name, name)) for name in names}
        text = template.format(**{name: slot.text for name, slot in slots.items()})
        if "things" in slots:
            slots["o"] = slots["t"] = slots["things"]
        slots["clause"] = Slot("", strip_marks(text))
        if kind in ("add", "edit_style", "edit_weather", "edit_person", "answer"):
            text = f"\x02{text}\x03"
        return Clause(kind, text, slots)

    def bare_clause(self, kind: str) -> Clause:
        """Return a clause of a kind that needs no filling."""
        plain = [line for line in phrases()[kind] if "{" not in line]
        return Clause(kind, plain[0])

    def framed(self, text: str) -> str:
        """Put a request into a polite frame, or tell why it is wanted; most often neither."""
        roll = self.draw.random()
        if roll < 0.08:
            return with_story(self.draw, self.filler.entry("story"), wrap(self.draw, text))
        if roll < 0.15 and not text.endswith("\x03"):  # what is copied must end where it ends
            return with_reason(self.draw, text, self.filler.entry("reason"))
        return wrap(self.draw, text)

    @staticmethod
    def apart(kinds: list[str]) -> list[str]:
        """Return the kinds in their order, each once, and of those that exclude each other only the first."""
        kept: list[str] = []
        for kind in kinds:
            rivals = set().union(*(group for group in ALIKE if kind in group)) | {kind}
            if not rivals.intersection(kept):
                kept.append(kind)
        return kept

    def build(self, clause: Clause, draft: Draft, inputs: tuple[str, ...]) -> None:
        """Append the steps of a clause."""
        clause.slots.setdefault("inputs", Slot("", tuple(f"${name}" for name in inputs)))
        INTENTS[clause.kind].build(draft, clause.slots)

    def kind_of(self, kinds: list[str]) -> str:
        often = {} if self.test else EMPHASIS
        return self.draw.choices(kinds, weights=[INTENTS[kind].weight * often.get(kind, 1.0) for kind in kinds])[0]

    def inputs(self, kinds: list[str], text: str = "") -> tuple[str, ...]:
        """Return the names of as many inputs as the clauses need, or as the words speak of."""
        needed = max((INTENTS[kind].inputs for kind in kinds), default=1)
        if needed == 0:
            return tuple(input_names(self.draw.choices([0, 1], weights=[85, 15])[0]))
        if any(kind.startswith("collage_") and kind != "collage_faces" for kind in kinds):
            if needed == 2 and TWO.search(text):
                return tuple(input_names(2))
            return tuple(input_names(max(needed, self.draw.choice([2, 2, 3, 4]))))
        return tuple(input_names(needed))

    def finish(self, text: str, inputs: tuple[str, ...], draft: Draft, kinds: list[str]) -> Example:
        if len(draft.steps) > MOST_STEPS:
            raise _TooLong
        return self._answer(text, write_steps(draft.steps, self.catalogue), kinds, inputs)

    def _answer(self, text: str, answer: str, kinds: list[str], inputs: tuple[str, ...] = ("photo",)) -> Example:
        if self.draw.random() < 0.25:
            text = misspell(self.draw, text)
        return Example(strip_marks(punctuate(self.draw, text)), inputs, answer, tuple(kinds))
