"""What this machine has, what a profile needs, and whether the two meet. Loads no model, changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from ..planners.plan import Plan
from ..tools.catalogue import load_catalogue
from ..tools.errors import UsageError
from ..tools.hub_cache import offline, present
from ..tools.profiles import Binding, Profile, load_profile, profile_names
from ..tools.profiles.choosing import Choice
from ..tools.weights import home, locate, packaged

PLANNER_WEIGHTS = {"embedded": ("smollm2-135m-instruct",)}
"""Packaged weights of the planners, beside those of a profile."""
PACKAGES = ("torch", "torchvision", "transformers", "diffusers", "onnxruntime", "xllamacpp", "opencv-python", "pillow")


@dataclass(frozen=True)
class Machine:
    """Hardware and versions."""

    system: str
    python: str
    cores: int
    """Cores that this process may use."""
    memory_mb: int
    """Host memory, MiB, or the limit of the container where that is smaller."""
    memory_free_mb: int
    gpus: tuple[str, ...]
    """Name and memory of each NVIDIA GPU, as its driver says."""
    disk_free_mb: int
    """On the disk of the cache."""
    packages: Mapping[str, str]
    """Package → version, or `not installed`."""
    home: str
    offline: bool
    """Whether HF_HUB_OFFLINE forbids downloads from the hub."""


@dataclass(frozen=True)
class Need:
    """One thing that a profile, or the planner, needs."""

    what: str
    """The capability it serves."""
    adapter: str
    source: str
    """Weights, or empty where the adapter brings its own."""
    licence: str
    size_mb: float
    """On disk once fetched, or to download; 0 when unknown."""
    memory_mb: int
    state: Literal["present", "missing", "broken"]
    fix: str = ""


@dataclass(frozen=True)
class Examination:
    """The doctor's findings."""

    profile: str
    summary: str
    device: str
    machine: Machine
    needs: tuple[Need, ...]
    problems: tuple[str, ...]
    """What keeps the profile from running, each with the fix; empty when it can run."""
    reason: str = ""
    """Why this profile was chosen."""

    @property
    def healthy(self) -> bool:
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain JSON values."""
        return {"status": "done" if self.healthy else "failed", **asdict(self)}


def examine(profile: str | Profile | Choice = "embedded") -> Examination:
    """Compare a profile with this machine. Raises UsageError for an unknown profile."""
    reason = profile.reason if isinstance(profile, Choice) else ""
    given = profile.profile if isinstance(profile, Choice) else profile
    chosen = load_profile(given) if isinstance(given, str) else given
    machine = look_at_machine()
    needs = (*_profile_needs(chosen), *_planner_needs())
    return Examination(
        chosen.name, chosen.summary, chosen.device, machine, needs, tuple(_problems(chosen, machine, needs)), reason
    )


def needed_weights(profile: Profile, planner: str = "embedded", plan: Plan | None = None) -> list[str]:
    """Return the names of the packaged weights that a profile and a planner need, present or not.

    With `plan`, only those of the models that its steps use.
    """
    sources = [source for binding in needed_bindings(profile, plan) for source in binding.sources]
    names = [source.removeprefix("embedded:") for source in sources if source.startswith("embedded:")]
    names += PLANNER_WEIGHTS.get(planner, ())
    return [name for name in dict.fromkeys(names) if name in packaged()]


def needed_bindings(profile: Profile, plan: Plan | None = None) -> list[Binding]:
    """Return the models of a profile; with `plan`, only those that its steps use."""
    if plan is None:
        return list(profile.bindings.values())
    catalogue = load_catalogue()
    steps = (*plan.steps, *plan.checked_steps())
    wanted = {name for step in steps if step.tool in catalogue for name in catalogue[step.tool].models}
    return [binding for name, binding in profile.bindings.items() if name in wanted]


def look_at_machine() -> Machine:
    """Measure this machine; reads files and asks the driver's tool, imports no framework."""
    total, free = _memory_mb()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_mb=total,
        memory_free_mb=free,
        gpus=_gpus(),
        disk_free_mb=shutil.disk_usage(_existing(home())).free >> 20,
        packages={name: _version(name) for name in PACKAGES},
        home=str(home()),
        offline=offline(),
    )


def _profile_needs(profile: Profile) -> list[Need]:
    return [need for binding in profile.bindings.values() for need in _binding_needs(binding, profile.name)]


def _binding_needs(binding: Binding, profile: str) -> list[Need]:
    broken = _why_broken(binding)
    memory = 0 if broken else binding.memory_mb or binding.model.memory_mb
    if broken:
        return [
            Need(binding.capability, binding.adapter, source, binding.licence, 0, 0, "broken", broken)
            for source in binding.sources or [""]
        ]
    if not binding.sources:
        return [Need(binding.capability, binding.adapter, "", binding.licence, 0, memory, "present")]
    return [_weights(binding, source, memory, profile) for source in binding.sources]


def _why_broken(binding: Binding) -> str:
    try:
        return "" if binding.model else "no adapter"
    except (UsageError, ImportError, AttributeError) as error:
        return f"the adapter {binding.adapter!r} cannot be imported: {error}; install diptych again"


def _weights(binding: Binding, source: str, memory_mb: int, profile: str) -> Need:
    capability = binding.capability
    if source.startswith("embedded:"):
        name = source.removeprefix("embedded:")
        if name not in packaged():
            fix = f"the profile names weights that do not exist; known: {', '.join(packaged())}"
            return Need(capability, binding.adapter, source, binding.licence, 0, memory_mb, "broken", fix)
        return _packaged_need(capability, binding.adapter, name, memory_mb)
    if source.startswith("tiny:"):
        return _shipped_need(capability, binding, source, memory_mb)
    here = present(source, binding.variant)
    named = profile if profile in profile_names() else "FILE.yaml"
    fix = "" if here else f"'diptych fetch --profile {named}' downloads it from the hub, and so does the first run"
    state: Literal["present", "missing"] = "present" if here else "missing"
    return Need(capability, binding.adapter, source, binding.licence, binding.download_mb, memory_mb, state, fix)


def _shipped_need(capability: str, binding: Binding, source: str, memory_mb: int) -> Need:
    try:
        folder = locate(source)
    except UsageError as error:
        return Need(capability, binding.adapter, source, binding.licence, 0, memory_mb, "broken", str(error))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / (1 << 20)
    return Need(capability, binding.adapter, source, binding.licence, round(size, 1), memory_mb, "present")


def _packaged_need(what: str, adapter: str, name: str, memory_mb: int) -> Need:
    entry = packaged()[name]
    size = sum(file.bytes for file in entry.files.values()) / (1 << 20)
    state: Literal["present", "missing"] = "present" if entry.present else "missing"
    fix = (
        ""
        if entry.present
        else f"run 'diptych fetch {name}' ({entry.archive_bytes / 1e6:.0f} MB from {entry.registry})"
    )
    return Need(what, adapter, f"embedded:{name}", entry.licence, round(size, 1), memory_mb, state, fix)


def _planner_needs() -> list[Need]:
    return [_packaged_need("planner", "embedded", name, 0) for name in PLANNER_WEIGHTS["embedded"]]


def _problems(profile: Profile, machine: Machine, needs: tuple[Need, ...]) -> list[str]:
    found = [f"{need.what}: {need.source or need.adapter} is {need.state}; {need.fix}" for need in needs if need.fix]
    if profile.device.startswith("cuda") and not machine.gpus:
        found.append(f"profile {profile.name!r} runs on {profile.device}, and no NVIDIA GPU is here; use 'embedded'")
    largest = max((need.memory_mb for need in needs), default=0)
    if profile.device == "cpu" and largest > machine.memory_mb:
        found.append(
            f"the largest model needs {largest} MiB, this machine has {machine.memory_mb} MiB; use a smaller profile"
        )
    absent = [name for name, version in machine.packages.items() if version == "not installed"]
    if absent:
        found.append(f"not installed: {', '.join(absent)}; run 'pip install {' '.join(absent)}'")
    return list(dict.fromkeys(found))


def _memory_mb() -> tuple[int, int]:
    """Return (total, available) in MiB, within the limit of a container."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        facts = {line.split(":")[0]: int(line.split()[1]) >> 10 for line in lines}
        total, free = facts["MemTotal"], facts["MemAvailable"]
    except (OSError, KeyError):
        total = (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) >> 20
        free = total
    limit = _container_limit_mb()
    return (min(total, limit), min(free, limit)) if limit else (total, free)


def _container_limit_mb() -> int | None:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return int(Path(path).read_text(encoding="ascii")) >> 20
        except (OSError, ValueError):
            continue
    return None


def _gpus() -> tuple[str, ...]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return ()
    query = [command, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.splitlines() if line.strip())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
