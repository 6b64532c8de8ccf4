"""The model card that lies beside the weights of a pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_TEXT = Path(__file__).parent / "card.md"


def write_card(folder: Path, about: str, figures: Mapping[str, float]) -> None:
    """Write README.md into a pipeline folder that holds a training.json; `about` is a sentence on what it does."""
    trained = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    kind = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))["_class_name"]
    text = _TEXT.read_text(encoding="utf-8").format(
        name=folder.name,
        kind=kind,
        # Weights are float16: two bytes each.
        millions=sum(file.stat().st_size for file in folder.rglob("*.safetensors")) / 2e6,
        about=" ".join(about.split()),
        figures="\n".join(f"| {what} | {value:.3f} |" for what, value in figures.items()),
        step=trained["step"],
        hours=trained["seconds"] / 3600,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
