"""What `auto` takes on which hardware, and how it is known that weights are here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from diptych.tools import hardware, hub_cache
from diptych.tools.errors import UsageError
from diptych.tools.hardware import Card, Hardware
from diptych.tools.profiles import Binding, Profile, choosing, load_profile, profile_names
from diptych.tools.profiles.choosing import absent, choose, choose_profile, needed_mb, ranked

PROFILES = [load_profile(name) for name in profile_names()]
EVERYTHING = {source for profile in PROFILES for binding in profile.bindings.values() for source in binding.sources}


def cuda(*memory_mb: int) -> Hardware:
    return Hardware("cuda", tuple(Card(f"GPU {i}", size) for i, size in enumerate(memory_mb)))


def sources(*names: str) -> set[str]:
    return {s for name in names for binding in load_profile(name).bindings.values() for s in binding.sources}


CPU, MPS = Hardware(), Hardware("mps", (Card("Apple GPU", 100_000),))
GB_8, GB_16, GB_24, GB_80 = 8_100, 15_100, 22_700, 81_000
"""What drivers report: less than what is written on the box."""


@pytest.mark.parametrize(
    ("machine", "here", "taken", "better"),
    [
        (CPU, EVERYTHING, "embedded", None),
        (CPU, set(), "embedded", None),
        (MPS, EVERYTHING, "embedded", None),
        (cuda(GB_8), EVERYTHING, "embedded", None),
        (cuda(GB_16), EVERYTHING, "gpu-16gb", None),
        (cuda(GB_24), EVERYTHING, "gpu-24gb", None),
        (cuda(GB_80), EVERYTHING, "gpu-80gb", None),
        (cuda(GB_16), set(), "embedded", "gpu-16gb"),
        (cuda(GB_24), set(), "embedded", "gpu-24gb"),
        (cuda(GB_80), set(), "embedded", "gpu-80gb"),
        (cuda(GB_24), sources("gpu-16gb"), "gpu-16gb", "gpu-24gb"),
        (cuda(GB_80), sources("gpu-24gb"), "gpu-24gb", "gpu-80gb"),
        (cuda(GB_80), EVERYTHING - {"Qwen/Qwen-Image"}, "gpu-24gb", "gpu-80gb"),
        (cuda(GB_8, GB_8, GB_8), EVERYTHING, "embedded", None),
        (cuda(GB_24, GB_24), EVERYTHING, "gpu-24gb", None),
        (cuda(GB_8, GB_80), EVERYTHING, "embedded", None),
    ],
)
def test_choice(machine: Hardware, here: set[str], taken: str, better: str | None) -> None:
    choice = choose(machine, PROFILES, here)
    assert choice.profile.name == taken
    assert (choice.better.name if choice.better else None) == better


def test_the_reason_says_what_is_there_what_is_lacking_and_the_fix() -> None:
    lacking = choose(cuda(24_564), PROFILES, sources("gpu-16gb") | sources("embedded"))
    size = sum(binding.download_mb for binding in absent(load_profile("gpu-24gb"), sources("gpu-16gb"))) / 1000
    assert str(lacking) == (
        f"profile gpu-16gb: cuda with 24 GB would allow gpu-24gb, whose weights ({size:.0f} GB) are not here; "
        "'diptych fetch --profile gpu-24gb' gets them"
    )
    assert "its weights are here" in str(choose(cuda(GB_24), PROFILES, EVERYTHING))
    assert "no GPU" in str(choose(CPU, PROFILES, EVERYTHING))
    assert "no profile fits" in str(choose(cuda(GB_8), PROFILES, EVERYTHING))
    assert "of 2; models use the first" in str(choose(cuda(GB_8, GB_80), PROFILES, EVERYTHING))


def test_weights_that_serve_several_capabilities_are_downloaded_once() -> None:
    found = absent(load_profile("gpu-24gb"), ())
    assert len({tuple(binding.sources) for binding in found}) == len(found)
    assert all(binding.sources for binding in found)


def test_order_of_ability_and_who_takes_part() -> None:
    assert [profile.name for profile in ranked(PROFILES)] == ["gpu-80gb", "gpu-24gb", "gpu-16gb", "embedded"]
    assert GB_16 < needed_mb(load_profile("gpu-24gb")) < GB_24 < needed_mb(load_profile("gpu-80gb")) < GB_80


def test_no_profile_fits() -> None:
    with pytest.raises(UsageError, match="no GPU that PyTorch can use"):
        choose(CPU, [load_profile("gpu-16gb")], EVERYTHING)


def test_auto_asks_the_hardware_and_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIPTYCH_PROFILE")
    monkeypatch.setattr(choosing, "look", lambda: cuda(GB_24))
    monkeypatch.setattr(choosing, "present", lambda source, variant: source in sources("gpu-16gb"))
    choice = choose_profile()
    assert choice.profile.name == "gpu-16gb" and choice.better is load_profile("gpu-24gb")
    assert choose_profile("embedded").reason == "it was asked for"


def test_the_environment_overrides_auto_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_PROFILE", "tiny")
    assert choose_profile("auto").profile.name == "tiny" and "DIPTYCH_PROFILE" in choose_profile("auto").reason
    assert choose_profile("embedded").profile.name == "embedded"
    monkeypatch.setenv("DIPTYCH_PROFILE", "huge")
    with pytest.raises(UsageError, match=r"DIPTYCH_PROFILE.*unknown profile 'huge'; known: embedded"):
        choose_profile("auto")
    monkeypatch.setattr(choosing, "look", lambda: CPU)
    for nothing in ("", "auto"):
        monkeypatch.setenv("DIPTYCH_PROFILE", nothing)
        assert choose_profile("auto").profile.name == "embedded"


def test_without_a_driver_torch_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_has_driver", lambda: False)
    monkeypatch.setitem(hardware.sys.modules, "torch", None)  # importing it would raise
    assert hardware.look.__wrapped__() == Hardware()
    monkeypatch.setattr(hardware, "_has_driver", lambda: True)
    assert hardware.look.__wrapped__() == Hardware(), "a driver, and no torch"


def test_cards_are_read_from_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    class Properties:
        name, total_memory = "NVIDIA L4", 23_034 << 20

    monkeypatch.setattr(hardware, "_has_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Properties)
    found = hardware.look.__wrapped__()
    assert found == Hardware("cuda", (Card("NVIDIA L4", 23_034),) * 2)
    assert str(found) == "cuda with 22 GB (of 2; models use the first)"

    def lost(index: int) -> Properties:
        raise RuntimeError("CUDA error: unknown error")

    monkeypatch.setattr(torch.cuda, "get_device_properties", lost)
    assert hardware.look.__wrapped__() == Hardware()


COMMIT = "0123456789" * 4


def cached(home: Path, files: Sequence[str], repo: str = "org/name", revision: str = "main") -> Path:
    """Lay files into a cache as the hub's library does; those that end in `!` are links to nothing."""
    folder = home / f"models--{repo.replace('/', '--')}"
    snapshot, blobs = folder / "snapshots" / COMMIT, folder / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / revision).write_text(COMMIT)
    parts = {"model_index.json": {"_class_name": "P", "unet": ["diffusers", "U"], "vae": ["d", "V"], "x": [None, None]}}
    shards = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    for name in files:
        target = snapshot / name.removesuffix("!")
        target.parent.mkdir(parents=True, exist_ok=True)
        blob = blobs / name.replace("/", "-")
        if not name.endswith("!"):
            blob.write_text(
                json.dumps(shards if name.endswith("index.json") and "model." in name else parts.get(name, {}))
            )
        target.symlink_to(blob)
    return snapshot


PARTS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
PIPELINE = ["model_index.json", "unet/config.json", "vae/config.json", "vae/model.safetensors"]


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        (["config.json", "model.safetensors", "tokenizer.json"], True),
        (["weights.safetensors"], True),
        (["config.json", "tokenizer.json"], False),
        (["config.json", "model.bin"], False),
        (["config.json", "model.safetensors!"], False),
        (["config.json", "model.safetensors.index.json", *PARTS], True),
        (["config.json", "model.safetensors.index.json", PARTS[0]], False),
        (["config.json", "model.safetensors.index.json", PARTS[0], f"{PARTS[1]}!"], False),
        ([*PIPELINE, "unet/model.safetensors"], True),
        ([*PIPELINE, "unet/model.fp16.safetensors"], False),
        (["config.json", "model.fp16.safetensors"], False),
        ([*PIPELINE, "unet/model.safetensors.index.json", *(f"unet/{part}" for part in PARTS)], True),
        ([*PIPELINE, "unet/model.safetensors.index.json", f"unet/{PARTS[0]}"], False),
        (PIPELINE, False),
        (["model_index.json", "unet/config.json", "unet/model.safetensors"], False),
        ([], False),
    ],
)
def test_weights_are_here_when_they_are_whole(
    files: list[str], whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert not hub_cache.present("org/name")
    snapshot = cached(tmp_path, files)
    assert hub_cache.present("org/name") == whole
    assert hub_cache.snapshot(f"org/name@{COMMIT}") == (snapshot if whole else None)
    assert not hub_cache.present("org/name@v2") and not hub_cache.present("org/other")


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ([*PIPELINE, "unet/model.fp16.safetensors"], True),
        ([*PIPELINE, "unet/model.fp16.safetensors", "vae/model.fp16.safetensors"], True),
        ([*PIPELINE, "unet/model.safetensors"], False),
        ([*PIPELINE, "unet/model.fp16.safetensors!"], False),
        ([*PIPELINE, "unet/model.bf16.safetensors", "vae/model.fp16.safetensors"], False),
        (["config.json", "model.safetensors"], True),
    ],
    ids=["a part without", "all parts", "only plain", "a broken link", "another one", "no pipeline"],
)
def test_a_variant_is_here_when_the_parts_that_have_it_are(
    files: list[str], whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cached(tmp_path, files)
    assert hub_cache.present("org/name", "fp16") == whole


def test_one_source_in_two_variants_is_here_when_both_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    plain, half = (Binding("eraser", "x", "org/name", options=options) for options in ({}, {"variant": "fp16"}))
    both, only = (Profile("p", "", bindings={b.variant: b for b in bound}) for bound in ([plain, half], [half]))
    cached(tmp_path, [*PIPELINE, "unet/model.fp16.safetensors"])
    assert (choosing.sources_here([only]), choosing.sources_here([both])) == ({"org/name"}, set())


def test_a_damaged_index_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    snapshot = cached(tmp_path, ["config.json", "model.safetensors.index.json", *PARTS])
    for text in ("{", "[]", "{}"):
        (snapshot / "model.safetensors.index.json").resolve().write_text(text)
        assert not hub_cache.present("org/name"), text


def test_other_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_HOME", str(tmp_path / "home"))
    assert hub_cache.present("tiny:detector") and hub_cache.present(str(tmp_path))
    assert not hub_cache.present("embedded:minilm") and not hub_cache.present("embedded:no-such")
    assert not hub_cache.present("no such thing")
    assert [hub_cache.on_hub(s) for s in ("a/b", "a/b@c", "embedded:x", "tiny:x", "./a", str(tmp_path))] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environment: dict[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert hub_cache.cache_folder() == Path(folder)


@pytest.mark.parametrize(
    ("names", "variant", "wanted"),
    [
        (
            "config.json model.safetensors pytorch_model.bin code.py vocab.txt README.md consolidated.safetensors",
            "",
            "config.json model.safetensors vocab.txt",
        ),
        (f"config.json {' '.join(PARTS)} original/model.safetensors", "", f"config.json {' '.join(PARTS)}"),
        ("sam.safetensors sam.pt", "", "sam.safetensors"),
        (
            "model_index.json one_file.safetensors unet/config.json unet/diffusion_pytorch_model.safetensors "
            "unet/diffusion_pytorch_model.fp16.safetensors vae/diffusion_pytorch_model.safetensors a/b/c.json",
            "fp16",
            "model_index.json unet/config.json unet/diffusion_pytorch_model.fp16.safetensors "
            "vae/diffusion_pytorch_model.safetensors",
        ),
        (
            "model_index.json t/model.safetensors t/model.fp16-00001-of-00002.safetensors tokenizer/merges.txt",
            "",
            "model_index.json t/model.safetensors tokenizer/merges.txt",
        ),
    ],
)
def test_only_what_is_used_is_downloaded(names: str, variant: str, wanted: str) -> None:
    assert hub_cache.wanted_files(names.split(), variant) == sorted(wanted.split())
