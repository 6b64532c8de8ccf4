"""The mean of two adapters that one training led to: `python -m diptych.planners.training.average A B --out FILE`.

What the later one forgot the earlier one still knows, and the mean mostly knows both: a model soup (Wortsman et al.
2022, arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ...tools.errors import UsageError


def average(earlier: Path, later: Path, out: Path) -> None:
    """Write the mean of two adapters' tensors, with the header of the later one.

    Raises UsageError when they are not of the same shape.
    """
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    one, other = load_file(earlier), load_file(later)
    shapes = [{name: tuple(tensor.shape) for name, tensor in adapter.items()} for adapter in (one, other)]
    if shapes[0] != shapes[1]:
        raise UsageError(
            f"{str(earlier)!r} and {str(later)!r} are adapters of different shapes; average two of one recipe"
        )
    with safe_open(later, "pt") as file:
        facts = {**(file.metadata() or {}), "mean_of": "2"}
    mean = {name: ((tensor.float() + other[name].float()) / 2).to(torch.float16) for name, tensor in one.items()}
    part = out.with_name(f".{out.stem}.tmp")
    save_file(mean, part, metadata=facts)
    part.replace(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    average(args.earlier, args.later, args.out)


if __name__ == "__main__":
    main()
