"""`--profile auto` on a cluster: the machines that will do the work say what they are and which weights they have.

Ray itself knows how many GPUs there are and, of some, how they are called, but not their memory; so each machine
with a GPU answers for itself. The weakest answer counts, because a worker may come up on any of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..tools.errors import UsageError
from ..tools.hardware import Card, Hardware, look
from ..tools.profiles import Profile, load_profile, profile_names
from ..tools.profiles.choosing import OVERRIDE, Choice, choose, choose_profile, fits, sources_here

ANSWER_SECONDS = 120.0
"""How long a machine may take to say what it is: a worker has to come up, and PyTorch to be imported."""
_ACCELERATOR = "accelerator_type:"


@dataclass(frozen=True)
class Machine:
    """What one machine of a cluster says of itself."""

    name: str
    hardware: Hardware
    sources: Collection[str]
    """Weights of the shipped profiles that are there, whole."""


def choose_for_cluster(ray: Any, profile: str | Profile) -> Choice:
    """Return the profile of that name; for `auto`, the best that every machine with a GPU of the cluster can run.

    Raises UsageError for an unknown name, and when no machine with a GPU answers.
    """
    if profile != "auto" or os.environ.get(OVERRIDE, "auto") not in ("", "auto"):
        return choose_profile(profile)
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU", 0) >= 1]
    machine = weakest(_ask(ray, nodes)) if nodes else Machine(_without_gpu(ray), Hardware(), ())
    return judged_by(machine)


def judged_by(machine: Machine) -> Choice:
    """Return the best shipped profile that a machine can run, with a reason that names it."""
    profiles = [profile for profile in map(load_profile, profile_names()) if fits(profile, machine.hardware)]
    choice = choose(machine.hardware, profiles, machine.sources)
    return replace(choice, reason=f"judged by {machine.name}, not by the one you are at: {choice.reason}")


def weakest(machines: Sequence[Machine]) -> Machine:
    """Return the machine with the least memory on a GPU, or with none that works; of weights, what all of them have."""
    least = min(machines, key=lambda machine: min((card.memory_mb for card in machine.hardware.cards), default=0))
    cards = sorted(least.hardware.cards, key=lambda card: card.memory_mb)
    everywhere = set(least.sources).intersection(*(machine.sources for machine in machines))
    return replace(least, hardware=replace(least.hardware, cards=tuple(cards)), sources=everywhere)


def survey() -> tuple[dict[str, Any], list[str]]:
    """Return the hardware of the machine that this runs on, and the weights of shipped profiles that are there."""
    return asdict(look()), sorted(sources_here(map(load_profile, profile_names())))


def _ask(ray: Any, nodes: Sequence[Mapping[str, Any]]) -> list[Machine]:
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asking = ray.remote(num_cpus=0, num_gpus=1, max_retries=0)(survey)
    answers = [asking.options(scheduling_strategy=NodeAffinitySchedulingStrategy(n["NodeID"], False)) for n in nodes]
    until = time.monotonic() + ANSWER_SECONDS
    pending = [(answer.remote(), _name(node)) for answer, node in zip(answers, nodes, strict=True)]
    machines: list[Machine] = []
    reasons: list[str] = []
    for reference, name in pending:
        try:
            hardware, sources = ray.get(reference, timeout=max(0.0, until - time.monotonic()))
        except RayError as error:
            ray.cancel(reference, force=True)
            reasons.append(f"{name}: {str(error).strip().splitlines()[0]}")
            continue
        cards = tuple(Card(**card) for card in hardware["cards"])
        machines.append(Machine(name, Hardware(hardware["device"], cards), sources))
    if not machines:
        raise UsageError(
            f"no machine with a GPU of the Ray cluster says what it is ({'; '.join(reasons)}); "
            "see whether others use its GPUs and Diptych is installed there, or name a --profile"
        )
    return machines


def _name(node: Mapping[str, Any]) -> str:
    kinds = [key.removeprefix(_ACCELERATOR) for key in node["Resources"] if key.startswith(_ACCELERATOR)]
    about = [f"{node['Resources']['GPU']:g} GPU", *kinds]
    return f"machine {node['NodeManagerAddress']} of the Ray cluster ({', '.join(about)})"


def _without_gpu(ray: Any) -> str:
    return f"the Ray cluster ({ray.cluster_resources().get('CPU', 0):g} CPU, no GPU)"
