"""A network that learns in bfloat16 from float32 masters, by Muon, with a running mean of its weights.

Convolutions of this size run at twice the speed in bfloat16. Muon (Jordan, 2024, kellerjordan.github.io/posts/muon)
makes every matrix's step orthogonal and needs about half of AdamW's steps here; vectors go by AdamW.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WARM = 50
"""Steps over which the learning rate rises."""
_MEAN = 0.998
"""How much of the running mean of the weights a step keeps, once there are enough steps."""


class Learner:
    """A network, its masters, two optimizers and the mean that ships."""

    def __init__(self, network: Any, rate: float, helper: Any = None) -> None:
        """Take a network in float32, and a module that is trained along and thrown away.

        Both are turned into bfloat16 in place.
        """
        import torch

        self.rate = rate
        self.step = 0
        self.network, self.helper = network, helper
        whole = torch.nn.ModuleDict({"network": network} | ({"helper": helper} if helper else {}))
        # Muon takes matrices: a convolution is one of (out, in × height × width).
        self.masters = {
            name: weight.detach().float().reshape(_matrix(weight)).clone() for name, weight in whole.named_parameters()
        }
        self.mean = {name: master.clone() for name, master in self.masters.items()}
        whole.to(torch.bfloat16, memory_format=torch.channels_last)
        self._weights = dict(whole.named_parameters())
        matrices = [master for master in self.masters.values() if min(master.shape) > 1]
        vectors = [master for master in self.masters.values() if min(master.shape) <= 1]
        self._optimizers = [
            torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(vectors, lr=rate, weight_decay=0.0, betas=(0.9, 0.98)),
        ]

    def learn(self, loss: Any, share: float = 1.0) -> float:
        """Take one step down `loss` at `share` of the learning rate; return the loss."""
        import torch

        loss.backward()
        for name, master in self.masters.items():
            weight = self._weights[name]
            master.grad = None if weight.grad is None else weight.grad.float().reshape(master.shape)
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters.values(), 1.0)
        warm = min(1.0, (self.step + 1) / _WARM)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate * share * warm
            optimizer.step()
        self.step += 1
        keep = min(_MEAN, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, master in self.masters.items():
                self.mean[name].lerp_(master, 1 - keep)
        self._show()
        return float(loss.detach())

    @contextmanager
    def at_mean(self) -> Iterator[Any]:
        """Give the network with the mean weights for the length of the block."""
        import torch

        with torch.no_grad():
            for name, mean in self.mean.items():
                self._weights[name].copy_(mean.view_as(self._weights[name]))
        try:
            yield self.network
        finally:
            self._show()

    def averaged(self) -> dict[str, Any]:
        """Return the state of the network with the mean weights, float16."""
        found = {}
        for name, value in self.network.state_dict().items():
            mean = self.mean.get(f"network.{name}")
            found[name] = (value if mean is None else mean.view_as(value)).half().contiguous()
        return found

    def save(self, file: Path, facts: Mapping[str, float]) -> None:
        """Write everything that is needed to go on; a stop in the middle leaves what was there."""
        from safetensors.torch import save_file

        file.parent.mkdir(parents=True, exist_ok=True)
        tensors = {f"master.{name}": value for name, value in self.masters.items()}
        tensors |= {f"mean.{name}": value for name, value in self.mean.items()}
        for place, optimizer in enumerate(self._optimizers):
            for number, moments in optimizer.state_dict()["state"].items():
                tensors |= {f"moment.{place}.{number}.{key}": value for key, value in moments.items()}
        part = file.with_suffix(".part")
        metadata = {"facts": json.dumps({**facts, "step": self.step})}
        save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata=metadata)
        part.replace(file)

    def read(self, file: Path) -> dict[str, float]:
        """Go on from what `save` wrote; return its facts."""
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            facts: dict[str, float] = json.loads(opened.metadata()["facts"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        self.step = int(facts.pop("step"))
        moments: list[dict[int, dict[str, Any]]] = [{} for _ in self._optimizers]
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            if part == "moment":
                place, number, key = rest.split(".")
                moments[int(place)].setdefault(int(number), {})[key] = value
            else:
                (self.masters if part == "master" else self.mean)[rest].copy_(value)
        for optimizer, state in zip(self._optimizers, moments, strict=True):
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
        self._show()
        return facts

    def _show(self) -> None:
        import torch

        with torch.no_grad():
            for name, master in self.masters.items():
                self._weights[name].copy_(master.view_as(self._weights[name]))


def _matrix(weight: Any) -> tuple[int, int]:
    return (weight.shape[0], weight[0].numel()) if weight.dim() > 1 else (1, weight.numel())
