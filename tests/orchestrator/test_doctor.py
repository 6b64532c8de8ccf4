"""The doctor: honest about what is there and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from diptych.orchestrator.doctor import examine, look_at_machine, needed_weights
from diptych.tools.errors import UsageError
from diptych.tools.profiles import load_profile


def test_the_machine_is_measured() -> None:
    machine = look_at_machine()
    assert machine.cores >= 1
    assert 0 < machine.memory_free_mb <= machine.memory_mb
    assert machine.packages["pillow"][0].isdigit()


def test_everything_is_there_for_the_embedded_profile() -> None:
    found = examine("embedded")
    assert found.healthy, found.problems
    assert {need.state for need in found.needs} == {"present"}
    assert found.to_json()["status"] == "done"


def test_missing_weights_are_named_with_the_command_that_fetches_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "empty"))
    found = examine("embedded")
    assert not found.healthy
    assert any("run 'diptych fetch minilm'" in problem for problem in found.problems)


def test_what_a_profile_needs_includes_the_planner() -> None:
    names = needed_weights(load_profile("embedded"))
    assert "smollm2-135m-instruct" in names and "minilm" in names
    assert "smollm2-135m-instruct" not in needed_weights(load_profile("embedded"), "openai:gpt")


def test_a_profile_with_an_unknown_adapter_cannot_run(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("summary: odd\ndevice: cuda\ncapabilities: {detector: {adapter: no-such, source: a/b@c}}\n")
    found = examine(str(path))
    assert any("no-such" in problem for problem in found.problems)
    assert any("GPU" in problem for problem in found.problems) or found.machine.gpus


def test_unknown_profile() -> None:
    with pytest.raises(UsageError, match="embedded"):
        examine("nothing")
