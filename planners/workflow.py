"""Plans in files: JSON or YAML that people write, share and run again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import yaml

from ..tools.catalogue import Catalogue
from ..tools.errors import PlanError, Problem, UsageError
from ..tools.values import Image
from .plan import Plan, parse_plan
from .planner import Turn

MAX_BYTES = 1_000_000
SUFFIXES = (".json", ".yaml", ".yml")


def load_workflow(path: str | Path) -> Plan:
    """Read a plan from a JSON or YAML file of at most 1 MB; it is not validated yet.

    Raises UsageError when the file cannot be read (also: a key given twice, a YAML alias, a date), and
    PlanError when it is not a plan.
    """
    path = Path(path)
    text = _text(path)
    try:
        document = json.loads(text, object_pairs_hook=_once) if path.suffix == ".json" else yaml.load(text, _Loader)
        plain = json.loads(json.dumps(document, allow_nan=False))
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise UsageError(f"workflow {path.name!r} cannot be read: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UsageError(f"workflow {path.name!r} cannot be read: it is nested too deeply") from None
    return parse_plan(plain)


def save_workflow(plan: Plan, path: str | Path) -> None:
    """Write a plan as JSON or YAML, by the file's suffix; the file is there whole or not at all."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"workflow {path.name!r}: the name must end in {', '.join(SUFFIXES)}")
    document = _short(plan.document())
    if path.suffix == ".json":
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    else:
        text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"workflow {path.name!r} cannot be written: {error.strerror}") from None


class WorkflowPlanner:
    """Answers every request with the plan of a file."""

    reads_problems: ClassVar[bool] = False
    reads_history: ClassVar[bool] = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def plan(
        self,
        request: str,
        images: Sequence[Image],
        catalogue: Catalogue,
        history: Sequence[Turn] = (),
        problems: Sequence[Problem] = (),
    ) -> Plan:
        """Return the plan of the file, with `request` where one is given.

        Raises UsageError when the number of images is not what the plan takes, and PlanError with `problems`:
        a file cannot mend itself.
        """
        if problems:
            raise PlanError(problems)
        plan = load_workflow(self.path)
        wanted = [name for name, kind in plan.inputs.items() if kind == "Image"]
        if images and len(images) != len(wanted):
            raise UsageError(
                f"workflow {self.path.name!r} takes {len(wanted)} images ({', '.join(wanted) or 'none'}), "
                f"but {len(images)} are given"
            )
        return plan.model_copy(update={"request": request}) if request else plan


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"workflow {path.name!r} is larger than {MAX_BYTES:,} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise UsageError(f"workflow {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"workflow {path.name!r} is not text in UTF-8") from None


def _short(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is empty; the reader puts it back."""
    return {key: value for key, value in document.items() if value not in ("", [], {})}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")
    return result


class _Loader(yaml.SafeLoader):
    """Plain values only: no aliases, which can blow a small file up, and no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("aliases (*name) are not allowed; write the value again")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        return _once([(name, None) for name in names]) and super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes equal values out twice instead of an alias that the reader would refuse."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
