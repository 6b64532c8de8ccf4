"""What a result is held against. Each check is a function of the inputs and the Result that asserts one thing.

None of them knows the plan: only what the person asked for and what can be measured. `test_checks.py` shows of
each that it fails when nothing was done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from diptych.orchestrator import Result
from diptych.tools.captioners.codes import codes
from diptych.tools.editors.tilt import measure_tilt
from diptych.tools.measures.checks import reads
from diptych.tools.values import Image
from tests.requests.seeing import boxed, near_color, place_of, reader, seen, written

Check = Callable[[Sequence[Image], Result], None]
"""(inputs, result) → nothing, or AssertionError."""
PictureCheck = Callable[[Sequence[Image], Image], None]


def on_picture(check: PictureCheck) -> Check:
    """Hold the one picture of a finished result against a check."""

    def hold(inputs: Sequence[Image], result: Result) -> None:
        finished(result)
        assert len(result.pictures) == 1, f"one picture expected, got {len(result.pictures)}"
        check(inputs, result.pictures[0])

    return hold


def finished(result: Result) -> None:
    """The run came to its end, and none of its own checks failed."""
    assert result.status == "done", f"{result.status}: {result.answer or list(map(str, result.problems))}"
    failed = [check for check in result.checks if check["passed"] is False]
    assert not failed, f"the run's own checks failed: {failed}"


def every(*checks: Check) -> Check:
    """All of the checks hold."""

    def hold(inputs: Sequence[Image], result: Result) -> None:
        for check in checks:
            check(inputs, result)

    return hold


# Words


def answers(*words: str) -> Check:
    """The answer holds all of the words, whatever the case."""

    def hold(_: Sequence[Image], result: Result) -> None:
        finished(result)
        said = (result.answer or "").casefold()
        absent = [word for word in words if word.casefold() not in said]
        assert not absent, f"{absent} not in the answer {result.answer!r}"

    return hold


def answers_number(number: int) -> Check:
    """The answer holds the number, as a word of its own."""

    def hold(_: Sequence[Image], result: Result) -> None:
        finished(result)
        assert re.search(rf"(?<![\d.]){number}(?![\d.]*\d)", result.answer or ""), (
            f"{number} not in the answer {result.answer!r}"
        )

    return hold


def denies() -> Check:
    """The answer says no: `no …`, or a count of 0."""

    def hold(_: Sequence[Image], result: Result) -> None:
        finished(result)
        assert re.search(r"\bno\b|\b0\b|\bnothing\b", (result.answer or "").lower()), f"answered {result.answer!r}"

    return hold


def refuses(*words: str) -> Check:
    """Nothing was made, and the reason names one of the words."""

    def hold(_: Sequence[Image], result: Result) -> None:
        assert result.status == "refused", f"{result.status}, not refused"
        assert not result.pictures, "a refusal must make no picture"
        said = (result.answer or "").casefold()
        assert any(word.casefold() in said for word in words), f"none of {words} in {result.answer!r}"

    return hold


# What is seen


def absent(query: str) -> Check:
    """Nothing of the kind is found in the result."""
    return on_picture(
        lambda _, after: none_of(f"{len(seen(after, query))} {query!r} still found", len(seen(after, query)))
    )


def none_of(message: str, count: int) -> None:
    """Fail with the message unless the count is 0."""
    assert not count, message


def unreadable(*words: str) -> Check:
    """None of the words can be read any more."""

    def look(_: Sequence[Image], after: Image) -> None:
        legible = [word for word in words if reads(after, word, reader=reader()).passed]
        assert not legible, f"still legible: {legible}"

    return on_picture(look)


def readable(*words: str) -> Check:
    """All of the words can be read."""

    def look(_: Sequence[Image], after: Image) -> None:
        lost = [word for word in words if not reads(after, word, reader=reader()).passed]
        assert not lost, f"{lost} cannot be read, only {written(after).labels}"

    return on_picture(look)


def written_at(where: str, words: str) -> Check:
    """The words stand in the top or the bottom third."""

    def look(_: Sequence[Image], after: Image) -> None:
        verdict = reads(after, words, reader=reader())
        assert verdict.passed and verdict.evidence, verdict.reason
        middle = float(verdict.evidence.xyxy[:, 1::2].mean() / after.size_wh[1])
        assert middle < 1 / 3 if where == "top" else middle > 2 / 3, f"written at {middle:.0%} of the height"

    return on_picture(look)


def no_code() -> Check:
    """No QR or bar code can be decoded any more."""
    return on_picture(
        lambda _, after: none_of("a code can still be read", sum(bool(code.message) for code in codes(after)))
    )


def face_fills(share: float) -> Check:
    """One face is seen, and it takes at least this share of the height."""

    def look(_: Sequence[Image], after: Image) -> None:
        faces = seen(after, "face")
        assert len(faces) == 1, f"{len(faces)} faces"
        height = float(faces.xyxy[0, 3] - faces.xyxy[0, 1]) / after.size_wh[1]
        assert height >= share, f"the face takes {height:.0%} of the height"

    return on_picture(look)


def boxes_drawn(query: str, color: str) -> Check:
    """The outline of each thing found in the input is drawn in a color, and no other part of the inside changed."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        found = seen(inputs[0], query)
        assert after.size_wh == inputs[0].size_wh
        painted = near_color(after, color, 40) & (after.rgb != inputs[0].rgb).any(axis=2)
        for i in range(len(found)):
            one = found.subset([i])
            line = boxed(after, one, 0.06).selected & ~boxed(after, one, -0.06).selected
            x0, y0, x1, y1 = one.xyxy[0]
            perimeter = 2 * (x1 - x0 + y1 - y0)
            assert (painted & line).sum() > perimeter, f"no {color} line around {query} {i + 1}"
            assert painted[boxed(after, one, -0.2).selected].mean() < 0.1, f"{query} {i + 1} is painted over"

    return on_picture(look)


# Size and place


def size(width: int | None = None, height: int | None = None) -> Check:
    """The sides are as long as asked, in pixels."""

    def look(_: Sequence[Image], after: Image) -> None:
        wanted = (width or after.size_wh[0], height or after.size_wh[1])
        assert after.size_wh == wanted, f"{after.size_wh}, not {wanted}"

    return on_picture(look)


def scaled(factor: float) -> Check:
    """Both sides are this many times as long."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        wanted = [round(side * factor) for side in inputs[0].size_wh]
        assert np.abs(np.subtract(after.size_wh, wanted)).max() <= 1, f"{after.size_wh}, not {wanted}"

    return on_picture(look)


def ratio(across: int, down: int) -> Check:
    """The picture has an aspect ratio, to a pixel."""

    def look(_: Sequence[Image], after: Image) -> None:
        width, height = after.size_wh
        assert abs(width * down - height * across) <= max(across, down), f"{width}×{height} is not {across}:{down}"

    return on_picture(look)


def mirrored() -> Check:
    """The picture, or what was cut from it, shows the input the other way round."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        before = inputs[0]
        flipped = Image(before.pixels[:, ::-1])
        same, other = place_of(after, before)[0], place_of(after, flipped)[0]
        assert other > 0.9 and other > same + 0.02, f"{other:.2f} like the mirror image, {same:.2f} like the original"

    return on_picture(look)


def level(limit: float = 0.7) -> Check:
    """The lines of text run level to within `limit` degrees."""

    def look(_: Sequence[Image], after: Image) -> None:
        tilt = measure_tilt(after)
        assert tilt is not None and abs(tilt) <= limit, f"tilted by {tilt} degrees"

    return on_picture(look)


def holds_all(direction: str) -> Check:
    """Every input is found in the picture; in a `row` from left to right, in a `column` from top to bottom."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        places = [place_of(image, after) for image in inputs]
        assert min(score for score, _ in places) > 0.9, f"not all inputs are in it: {places}"
        along = [middle[direction == "column"] for _, middle in places]
        across = [middle[direction == "row"] for _, middle in places]
        if direction == "grid":
            assert max(along) - min(along) > 0.2 and max(across) - min(across) > 0.2, f"no grid: {places}"
        else:
            assert np.diff(along).min() > 0.1, f"not a {direction}: {places}"
            assert max(across) - min(across) < 0.1, f"not a {direction}: {places}"

    return on_picture(look)


def pasted(across: float, down: float) -> Check:
    """The second input lies in the first, its middle within a quarter of (across, down), shares of the size."""

    def look(inputs: Sequence[Image], after: Image) -> None:
        score, (x, y) = place_of(inputs[1], after)
        assert after.size_wh == inputs[0].size_wh
        assert score > 0.9, f"the second picture is not in it ({score:.2f})"
        assert abs(x - across) < 0.25 and abs(y - down) < 0.25, f"it lies at {x:.0%}, {y:.0%}"

    return on_picture(look)
