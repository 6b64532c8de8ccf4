"""The forty requests, end to end: planned by the packaged language model, run, and the result looked at.

`pytest tests/requests -v` prints them as a table; each name begins with the kind of the request.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.orchestrator import run
from tests.requests.cases import CASES, Case
from tests.requests.pictures import picture


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and a log of their own, shared by all requests."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_request(case: Case, home: Path) -> None:
    inputs = [picture(name) for name in case.photos]
    result = run(case.request, *inputs, planner="embedded", profile="embedded", home=home)
    case.check(inputs, result)


def test_the_set_is_what_it_says() -> None:
    kinds = [case.kind for case in CASES]
    assert len({case.request for case in CASES}) == len({case.slug for case in CASES}) == 40
    assert [kinds.count(kind) for kind in ("typo", "question", "refusal", "several")] == [6, 6, 3, 4]
