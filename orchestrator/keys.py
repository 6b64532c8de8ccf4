"""What makes two calls the same call.

A key holds the tool, its version, its parameters, the weights it uses, and the *contents* of its inputs. It holds
nothing of how the inputs were made: keys cost the same at step 10 and at step 10,000, and a step that is run again
with the same outcome leaves the keys of all later steps as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.profiles import Binding, Profile
from ..tools.tool import Tool

Digests = str | Sequence[str] | None
"""Content of one port: a digest, one per item of a list, or None for a port that is not connected."""

_encoder = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False, default=repr
)


class StepKey:
    """The keys of all calls of one tool; `revisions` maps each capability to its weights, `ports` are its ports."""

    def __init__(self, tool: str, version: int, revisions: Mapping[str, str], ports: Sequence[str]) -> None:
        self._common = _encoder.encode([tool, version, dict(revisions)])
        self._arriving = " ".join([f"{port}=%s" for port in ports])

    def of(self, params: str, inputs: Sequence[Digests]) -> str:
        """Return 64 hex digits that name the result of a call.

        `params` are what `written` gives; `inputs` is what is connected to each port.
        """
        # None of the three contains the end of a line.
        text = f"{self._common}\n{params}\n{self._arriving % tuple([_digits(digests) for digests in inputs])}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def written(params: Mapping[str, Any]) -> str:
    """Return the one text of these parameters.

    They are complete (defaults filled in) and normalised (`Param.check`), so that `50` and `50.0` are one.
    """
    return _encoder.encode(params)


def _digits(digests: Digests) -> str:
    """Return what is connected to a port as text; a list of one item is not the item."""
    if isinstance(digests, str):
        return digests
    return "" if digests is None else f"[{','.join(digests)}]"


def revisions(tool: Tool, profile: Profile) -> dict[str, str]:
    """Return, for each model of `tool`, what identifies its weights and the precision they run in."""
    bound = {capability: profile.bindings.get(capability) for capability in tool.models}
    return {capability: revision_of(binding, profile) for capability, binding in bound.items() if binding}


def revision_of(binding: Binding, profile: Profile) -> str:
    """Return what identifies the weights of one model and the precision they run in."""
    options = json.dumps(binding.options, sort_keys=True, default=repr) if binding.options else ""
    return f"{binding.revision}:{profile.dtype}{options}"
