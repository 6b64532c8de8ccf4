"""What a planner's answers took, and what the measurements say of it."""

from __future__ import annotations

import pytest

from diptych.planners.evaluation.harness import Row, costs
from diptych.planners.usage import count_answer, count_seconds, counted


def test_answers_and_seconds_are_added_up_and_the_first_token_is_of_the_first() -> None:
    with counted() as usage:
        for reading, writing, tokens in ((0.2, 0.5, 5), (0.1, 0.3, 3)):
            count_seconds(reading, writing, tokens)
            count_answer(10, tokens)
    assert (usage.answers, usage.prompt_tokens, usage.answer_tokens) == (2, 20, 8)
    assert (usage.first_token, usage.reading, usage.writing) == pytest.approx((0.3, 0.3, 0.8))
    count_seconds(1, 1, 1)
    assert usage.writing == pytest.approx(0.8)


def test_an_answer_without_a_token() -> None:
    with counted() as usage:
        count_seconds(0.2, 0.0, 0)
    assert usage.first_token == 0.2


def test_costs_tell_the_stages_of_those_that_measure_them() -> None:
    told = Row("1", "k", "r", "", "", "plan", "", seconds=2.0, first_token=0.4, reading=0.3, writing=1.2)
    silent = Row("2", "k", "r", "", "", "plan", "", seconds=4.0)
    found = costs([told, silent])
    assert found["median seconds"] == 3.0
    stages = [found[f"{name} seconds"] for name in ("first token", "reading", "writing", "other")]
    assert stages == pytest.approx([0.4, 0.3, 1.2, 0.5])
    assert "reading seconds" not in costs([silent])
