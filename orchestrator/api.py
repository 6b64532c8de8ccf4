"""The public functions: a sentence and pictures in, a Result out. The command line is thin over these."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..planners.plan import Plan
from ..planners.planner import Planner, input_names, load_planner
from ..planners.seeds import with_seeds
from ..tools.catalogue import Catalogue, load_catalogue
from ..tools.errors import PlanError, UsageError
from ..tools.profiles import Profile
from ..tools.values import Image
from .forecast import PreviewedStep, preview_plan
from .inputs import Given, file_names, plan_inputs, to_value
from .log import Log
from .planning import Limits, make_plan
from .result import Result
from .work import OnEvent, Options, Work, choose_profile, limits_of, shelf

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

MAX_REQUEST = 4000
"""Characters of a request; a longer one is no sentence about a picture."""


def run(
    request: str,
    *images: Image | PILImage | str | Path,
    planner: str | Planner = "embedded",
    profile: str | Profile = "auto",
    on_event: OnEvent | None = None,
    home: str | Path | None = None,
    use_store: bool = True,
    cancel: threading.Event | None = None,
    catalogue: Catalogue | None = None,
) -> Result:
    """Do what a sentence asks with some pictures.

    The pictures are PIL images, paths or Images; they become the inputs photo, photo2, … Refusals and failures
    come back as a Result. Raises UsageError when the call itself is wrong: an empty request, an unreadable file,
    an unknown profile or planner.
    """
    options = Options(profile, on_event, home, use_store, cancel, catalogue)
    words = _checked(request)
    given = dict(zip(input_names(len(images)), images, strict=True))
    inputs = {name: _picture(image, name) for name, image in given.items()}
    chosen = load_planner(planner) if isinstance(planner, str) else planner
    work = Work(options, words, inputs, file_names(given))
    return work.carry_out(lambda limits: make_plan(words, list(inputs.values()), chosen, limits))


def ask(question: str, *images: Image | PILImage | str | Path, **options: object) -> Result:
    """Answer a question about some pictures: `run` under the name that fits; read `answer` of the Result."""
    return run(question, *images, **options)  # type: ignore[arg-type]


def plan(
    request: str,
    *images: Image | PILImage | str | Path,
    planner: str | Planner = "embedded",
    profile: str | Profile = "auto",
    catalogue: Catalogue | None = None,
) -> Plan:
    """Return the checked plan for a request; nothing runs. Raises Refusal, PlanError and UsageError."""
    words = _checked(request)
    pictures = [_picture(image, name) for name, image in zip(input_names(len(images)), images, strict=True)]
    chosen = load_planner(planner) if isinstance(planner, str) else planner
    limits = limits_of(catalogue or load_catalogue(), choose_profile(profile).profile)
    return make_plan(words, pictures, chosen, limits)


def run_plan(
    plan: Plan,
    inputs: Mapping[str, Given],
    *,
    profile: str | Profile = "auto",
    on_event: OnEvent | None = None,
    home: str | Path | None = None,
    use_store: bool = True,
    cancel: threading.Event | None = None,
    catalogue: Catalogue | None = None,
    lanes: int = 2,
) -> Result:
    """Run a plan over its inputs. A plan that is not valid comes back as a failed or refused Result.

    Raises UsageError when an input is missing, unknown or unreadable.
    """
    options = Options(profile, on_event, home, use_store, cancel, catalogue, lanes)
    work = Work(options, plan.request, plan_inputs(plan, inputs), file_names(inputs))

    def checked(limits: Limits) -> Plan:
        problems = limits.check(plan)
        if problems:
            raise PlanError(problems)
        return with_seeds(plan, limits.catalogue, random.Random())

    return work.carry_out(checked)


def preview(
    plan: Plan,
    inputs: Mapping[str, Given],
    *,
    profile: str | Profile = "auto",
    home: str | Path | None = None,
    catalogue: Catalogue | None = None,
) -> list[PreviewedStep]:
    """Say, without running anything, which steps of a valid plan are known already and what the others will cost."""
    kept = shelf(home)
    chosen = choose_profile(profile).profile
    values = plan_inputs(plan, inputs)
    return preview_plan(plan, values, catalogue or load_catalogue(), chosen, kept.store, kept.estimates)


def history(home: str | Path | None = None) -> Log:
    """Return the log of all runs."""
    return shelf(home).log


def _checked(request: str) -> str:
    words = request.strip()
    if not words:
        raise UsageError("the request is empty; say in a sentence what should be done")
    if len(words) > MAX_REQUEST:
        raise UsageError(f"the request has {len(words):,} characters; at most {MAX_REQUEST:,} are read")
    return words


def _picture(given: Given, name: str) -> Image:
    value = to_value(given, "Image", name)
    assert isinstance(value, Image)
    return value
