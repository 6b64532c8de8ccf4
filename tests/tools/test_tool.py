"""A tool is a typed function: what its signature says is its schema."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from diptych.tools.catalogue import Catalogue, load_catalogue
from diptych.tools.errors import UsageError
from diptych.tools.model import Detector
from diptych.tools.profiles import load_profile, others_that_can, profile_names
from diptych.tools.tool import Type, tool
from diptych.tools.values import Detections, Image, Mask


@tool(family="editor", models={"detector": Detector})
def dim(
    image: Image,
    mask: Mask | None = None,
    boxes: list[Detections] | None = None,
    strength: Annotated[int, Field(ge=1, le=9)] = 3,
    mode: Literal["soft", "hard"] = "soft",
    *,
    detector: Detector,
) -> Image:
    """Darken the image.

    Not for planners.
    """
    return image


DIM = dim.tool  # type: ignore[attr-defined]


def test_signature_is_the_schema() -> None:
    assert DIM.summary == "Darken the image."
    assert {name: (str(port.type), port.required) for name, port in DIM.ports.items()} == {
        "image": ("Image", True),
        "mask": ("Mask", False),
        "boxes": ("List[Detections]", False),
    }
    assert list(DIM.params) == ["strength", "mode"]
    assert list(DIM.models) == ["detector"]
    schema = DIM.schema()
    assert schema["required"] == ["image"]
    assert "detector" not in schema["properties"]
    assert schema["properties"]["mode"]["enum"] == ["soft", "hard"]
    assert (DIM.panel, DIM.output) == ("plain", Type("Image"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("strength", 10, "less than or equal to 9"),
        ("strength", "many", "valid integer"),
        ("mode", "loud", "'soft' or 'hard'"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DIM.params[name].check(value)


def test_a_clash_of_ids_is_an_error() -> None:
    @tool(family="measure")
    def dim(image: Image) -> Image:
        """Another one."""
        return image

    with pytest.raises(UsageError, match="two tools are called 'dim'"):
        Catalogue([DIM, dim.tool])  # type: ignore[attr-defined]


def test_what_a_tool_must_have() -> None:
    with pytest.raises(TypeError, match="docstring"):

        @tool(family="measure")
        def silent(image: Image) -> Image:
            return image

    with pytest.raises(TypeError, match="must return a value type"):

        @tool(family="measure")
        def wrong(image: Image) -> int:
            """Give a plain number."""
            return 1


def test_catalogue_holds_both_panels() -> None:
    catalogue = load_catalogue()
    assert {"generative", "discriminative", "plain"} == {entry.panel for entry in catalogue.values()}
    assert len({entry.summary for entry in catalogue.values()}) == len(catalogue)


def test_every_profile_names_known_adapters_and_capabilities() -> None:
    wanted = {capability for entry in load_catalogue().values() for capability in entry.models}
    for name in profile_names():
        profile = load_profile(name)
        assert set(profile.bindings) <= wanted, name
        assert all(binding.model and binding.licence for binding in profile.bindings.values()), name


def test_what_a_profile_cannot_do_is_said_and_who_can() -> None:
    catalogue, embedded = load_catalogue(), load_profile("embedded")
    assert embedded.objection(catalogue["generate"], {}) == "has no generator"
    assert embedded.objection(catalogue["detect"], {"query": "cat"}) == "cannot detect 'cat'"
    assert embedded.objection(catalogue["detect"], {"query": "face"}) is None
    assert "gpu-24gb" in others_that_can(catalogue["detect"], {"query": "cat"}, embedded)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(UsageError, match="unknown profile 'gpu'; known: embedded, gpu-16gb"):
        load_profile("gpu")
