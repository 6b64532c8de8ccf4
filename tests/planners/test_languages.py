"""Requests in other languages are known as such, and what they name is known in English."""

from __future__ import annotations

from itertools import islice

import pytest

from diptych.planners.languages import is_foreign, things_of
from diptych.planners.training.compose import Composer
from diptych.tools.catalogue import load_catalogue


@pytest.mark.parametrize(
    ("request_", "things"),
    [
        ("entferne den Vogel", {"bird"}),
        ("Entferne bitte den Stuhl links", {"chair"}),
        ("entferne den Sthul", {"chair"}),
        ("supprime la chaise", {"chair"}),
        ("quita el coche rojo", {"car", "red car"}),
        ("köpeği bulanıklaştır", {"dog"}),
        ("usuń psa ze zdjęcia", {"dog"}),
        ("mach es heller", set()),
    ],
)
def test_what_is_named_is_known_in_english(request_: str, things: set[str]) -> None:
    assert is_foreign(request_) and set(things_of(request_)) == things


@pytest.mark.parametrize("request_", ["", "blur the dog", "42", "make it pop", "put the café sign in red", "🙂"])
def test_english_is_not_foreign(request_: str) -> None:
    assert not is_foreign(request_)


def test_composed_requests_are_told_apart() -> None:
    examples = list(islice(Composer(load_catalogue().planned, 21, test=True), 1000))
    foreign = [example for example in examples if "foreign" in example.kinds]
    assert sum(is_foreign(example.request) for example in foreign) >= 0.95 * len(foreign) > 10
    assert sum(is_foreign(example.request) for example in examples) <= len(foreign) + 3
