"""Profiles: which model does what on which kind of machine. One YAML file each, none of it in code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import yaml

from ..errors import UsageError
from ..fingerprints import identified
from ..model import Model
from ..tiny.words import unknown_words
from ..tool import Tool

ADAPTERS: dict[str, str] = {
    "photo-detector": "detectors.photo:PhotoDetector",
    "rapid-ocr": "captioners.rapid_ocr:RapidOcr",
    "grabcut": "segmenters.grabcut:GrabCut",
    "isnet": "segmenters.isnet:IsNet",
    "facts": "captioners.facts:FactCaptioner",
    "patch-fill": "editors.patch_fill:PatchFill",
    "minilm": "text_embedding:MiniLm",
    "grounding-dino": "detectors.grounding_dino:GroundingDino",
    "groundingdino": "detectors.grounding_dino_py:GroundingDinoPy",
    "owl": "detectors.owl:Owl",
    "sam": "segmenters.sam:Sam",
    "segment-anything": "segmenters.segment_anything:SegmentAnything",
    "clip": "classifiers.clip:Clip",
    "diffusion-classifier": "classifiers.diffusion_classifier:DiffusionClassifier",
    "blip-captioner": "captioners.blip:BlipCaptioner",
    "blip-answerer": "captioners.blip:BlipAnswerer",
    "florence": "captioners.florence:Florence",
    "vision-language": "captioners.vision_language:VisionLanguage",
    "diffusion": "generators.diffusion:DiffusionGenerator",
    "diffusion-inpaint": "editors.diffusion_inpaint:DiffusionInpainter",
    "diffusion-edit": "editors.instruct:DiffusionEditor",
}
"""Adapter name → module and class inside this package, imported when a profile needs it."""

ENTRY_POINTS = "diptych.adapters"
"""Group under which other packages offer adapters."""


@dataclass(frozen=True)
class Binding:
    """One capability of a profile: the adapter and its weights."""

    capability: str
    adapter: str
    source: str | dict[str, str] = ""
    """`org/name@revision`, a folder, `embedded:name`, `tiny:name`, or one of these per part of the model."""
    licence: str = ""
    download_mb: int = 0
    memory_mb: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    others: tuple[Binding, ...] = ()
    """What could be bound in its place, should its weights be here and it be measured to do better."""

    @classmethod
    def of(cls, capability: str, facts: Mapping[str, Any]) -> Binding:
        """Return the binding that a profile file describes. Raises TypeError for a fact that there is not."""
        others = tuple(cls.of(capability, other) for other in facts.get("others", ()))
        return cls(**{**facts, "capability": capability, "others": others})

    @property
    def offered(self) -> tuple[Binding, ...]:
        """Itself and what could be bound in its place, each alone, in the order of the profile."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def sources(self) -> list[str]:
        """Every weight reference of the binding."""
        return list(self.source.values()) if isinstance(self.source, dict) else [self.source] * bool(self.source)

    @property
    def variant(self) -> str:
        """Which of the sets of files that a repository keeps is used; empty: the plain one."""
        return str(self.options.get("variant") or "")

    @property
    def revision(self) -> str:
        """What identifies the weights in a cache key."""
        return f"{self.adapter}:{','.join(sorted(map(identified, self.sources)))}"

    @cached_property
    def model(self) -> type[Model]:
        """The adapter class; importing it loads no weights. Raises UsageError when there is none of that name."""
        return _adapter(self.adapter)


@dataclass(frozen=True)
class Profile:
    """A named set of bindings."""

    name: str
    summary: str
    device: str = "cpu"
    dtype: str = "float32"
    photos: bool = True
    """Whether it is for photos of anything; `auto` takes no other."""
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    file: str = ""
    """Where it was read from; empty for a shipped one, which its name is enough for."""

    def settled(self, pick: Callable[[Sequence[Binding]], Binding] = lambda offered: offered[0]) -> Profile:
        """Return the profile with one model for each capability: what `pick` takes where several are offered."""
        if not any(binding.others for binding in self.bindings.values()):
            return self
        bindings = {name: pick(each.offered) if each.others else each for name, each in self.bindings.items()}
        return replace(self, bindings=bindings)

    def objection(self, tool: Tool, params: Mapping[str, Any]) -> str | None:
        """Say what this profile lacks to call `tool` with these parameters, or None when it can.

        The answer reads on from "profile 'embedded' ", for example `cannot detect 'cat'`.
        """
        for capability in tool.models:
            binding = self.bindings.get(capability)
            if binding is None:
                return f"has no {capability.replace('_', ' ')}"
            reason = binding.model.objection(params, binding.source) or _beyond_words(binding, params)
            if reason:
                return reason
        return None


def _beyond_words(binding: Binding, params: Mapping[str, Any]) -> str | None:
    """Say which words that name something to look for the tiny family does not know."""
    if not any(source.startswith("tiny:") for source in binding.sources):
        return None
    labels = params.get("labels")
    asked = [params.get("query"), *(labels if isinstance(labels, list) else ())]
    unknown = unknown_words(" ".join(word for word in asked if isinstance(word, str)))
    return f"does not know {', '.join(map(repr, unknown))}" if unknown else None


@cache
def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.yaml")))


@cache
def load_profile(name: str) -> Profile:
    """Return a shipped profile by name, or one from a YAML file by path. Raises UsageError with the known names."""
    own = name.endswith((".yaml", ".yml"))
    path = Path(name) if own else Path(__file__).parent / f"{name}.yaml"
    if not path.is_file():
        raise UsageError(f"unknown profile {name!r}; known: {', '.join(profile_names())}, or the path of a YAML file")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        capabilities = document.pop("capabilities")
        bindings = {capability: Binding.of(capability, facts) for capability, facts in capabilities.items()}
        return Profile(name=path.stem, bindings=bindings, file=str(path.absolute()) if own else "", **document)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"profile {name!r} cannot be read: {error}") from None


def others_that_can(tool: Tool, params: Mapping[str, Any], profile: Profile) -> list[str]:
    """Return the names of the shipped profiles, other than `profile`, that have no objection."""
    others = [load_profile(name) for name in profile_names() if name != profile.name]
    return [other.name for other in others if other.objection(tool, params) is None]


@cache
def _adapter(name: str) -> type[Model]:
    if name in ADAPTERS:
        module, _, attribute = ADAPTERS[name].partition(":")
        return getattr(import_module(f"..{module}", __name__), attribute)  # type: ignore[no-any-return]
    for entry in metadata.entry_points(group=ENTRY_POINTS, name=name):
        return entry.load()  # type: ignore[no-any-return]
    known = ", ".join(sorted(ADAPTERS))
    raise UsageError(f"no adapter is called {name!r}; known: {known}, and the entry points of group {ENTRY_POINTS!r}")
