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
    """The keys of all calls of one tool; `revisions` maps each capability to its weights."""

    def __init__(self, tool: str, version: int, revisions: Mapping[str, str]) -> None:
        text = _encoder.encode([tool, version, dict(revisions)])
        self._started = hashlib.sha256(text.encode("utf-8", "surrogatepass"))

    def of(self, params: Mapping[str, Any], inputs: Mapping[str, Digests]) -> str:
        """Return 64 hex digits that name the result of a call.

        `params` are complete (defaults filled in) and normalised (`Param.check`), so that `50` and `50.0` are one.
        `inputs` maps each port to what is connected to it.
        """
        state = self._started.copy()
        state.update(_encoder.encode([params, inputs]).encode("utf-8", "surrogatepass"))
        return state.hexdigest()


def revisions(tool: Tool, profile: Profile) -> dict[str, str]:
    """Return, for each model of `tool`, what identifies its weights and the precision they run in."""
    bound = {capability: profile.bindings.get(capability) for capability in tool.models}
    return {capability: _revision(binding, profile) for capability, binding in bound.items() if binding}


def _revision(binding: Binding, profile: Profile) -> str:
    options = json.dumps(binding.options, sort_keys=True, default=repr) if binding.options else ""
    return f"{binding.revision}:{profile.dtype}{options}"
