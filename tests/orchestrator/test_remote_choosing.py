"""`--profile auto` on a cluster: the machines that do the work are judged, not the one that asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.orchestrator.cli_console import Surface
from diptych.orchestrator.cli_place import place_of
from diptych.orchestrator.remote_choosing import Machine, choose_for_cluster, judged_by, survey, weakest
from diptych.tools.errors import UsageError
from diptych.tools.hardware import Card, Hardware
from diptych.tools.profiles import load_profile, profile_names
from diptych.tools.profiles.choosing import OVERRIDE

SOURCES = {s for name in profile_names() for b in load_profile(name).bindings.values() for s in b.sources}


def machine(name: str, *memory_mb: int, sources: set[str] = SOURCES) -> Machine:
    cards = tuple(Card("card", size) for size in memory_mb)
    return Machine(name, Hardware("cuda" if cards else "cpu", cards), sources)


@pytest.mark.parametrize(
    ("judge", "profile", "better"),
    [
        (machine("far", 81_000), "gpu-80gb", None),
        (machine("far", 24_500), "gpu-24gb", None),
        (machine("far", 81_000, sources=set()), "embedded", "gpu-80gb"),
        (machine("far"), "embedded", None),
    ],
    ids=["large", "middle", "no weights", "no GPU"],
)
def test_the_best_that_a_machine_can_run(judge: Machine, profile: str, better: str | None) -> None:
    choice = judged_by(judge)
    assert choice.profile.name == profile
    assert (choice.better.name if choice.better else None) == better
    assert str(choice).startswith(f"profile {profile}: judged by far, not by the one you are at: ")


def test_the_weakest_machine_counts_and_what_all_of_them_have() -> None:
    large, small = machine("large", 81_000, sources={"a", "b"}), machine("small", 81_000, 16_000, sources={"b", "c"})
    found = weakest([large, small])
    assert (found.name, found.hardware.cards[0].memory_mb, set(found.sources)) == ("small", 16_000, {"b"})
    assert weakest([large, machine("broken")]).name == "broken", "a worker may come up there as well"


def test_the_survey_says_what_is_here() -> None:
    hardware, sources = survey()
    assert hardware["device"] in ("cpu", "cuda", "mps") and set(sources) <= SOURCES


def test_here_nobody_else_is_asked() -> None:
    with place_of("local", "embedded", Surface(quiet=True)) as place:
        assert (place.profile, place.options) == ("embedded", {})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster that says it has a GPU; whether that works is for its machine to say."""
    ray = pytest.importorskip("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        "local",
        num_cpus=1,
        num_gpus=1,
        resources={"accelerator_type:H100": 1},
        include_dashboard=False,
        object_store_memory=80 << 20,
        log_to_driver=False,
        configure_logging=False,
        _node_ip_address="127.0.0.1",
        runtime_env={"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2]), "CUDA_VISIBLE_DEVICES": ""}},
    )
    yield ray
    ray.shutdown()


def test_a_machine_with_a_gpu_is_asked_what_it_can_do(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE)
    monkeypatch.setattr("diptych.orchestrator.remote_choosing.look", lambda: pytest.fail("this machine was judged"))
    choice = choose_for_cluster(cluster, "auto")
    assert choice.profile.name == "embedded", "what counts is what PyTorch can use there"
    (node,) = cluster.nodes()
    assert choice.reason == (
        f"judged by machine {node['NodeManagerAddress']} of the Ray cluster (1 GPU, H100), not by the one you are at: "
        "there is no GPU that PyTorch can use"
    )


def test_a_name_and_the_environment_say_so(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_for_cluster(cluster, "gpu-24gb").reason == "it was asked for"
    monkeypatch.setenv(OVERRIDE, "tiny")
    assert choose_for_cluster(cluster, "auto").profile.name == "tiny"
    with pytest.raises(UsageError, match="unknown profile 'moon'"):
        choose_for_cluster(cluster, "moon")


def test_gpus_that_others_use_cannot_say_anything(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE)
    monkeypatch.setattr("diptych.orchestrator.remote_choosing.ANSWER_SECONDS", 0.5)
    holder = cluster.remote(num_gpus=1)(Surface).remote(quiet=True)
    try:
        cluster.get(holder.__ray_ready__.remote())
        with pytest.raises(UsageError, match=r"no machine with a GPU .* says what it is .* name a --profile"):
            choose_for_cluster(cluster, "auto")
    finally:
        cluster.kill(holder)
