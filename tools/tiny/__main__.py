"""Train or judge the tiny family.

python -m diptych.tools.tiny clip --hours 0.5      train one model, or go on with it
python -m diptych.tools.tiny evaluate              judge all on the fixed test split, or those that are named
python -m diptych.tools.tiny calibrate             measure how often the checks of drawn pictures are wrong
"""

from __future__ import annotations

import argparse
import json

from .generative.courses import COURSES
from .generative.polish import NAME as DECODER
from .generative.polish import train_decoder
from .generative.train import train_denoiser
from .recipes import RECIPES, recipe
from .training import CHECKPOINTS, train

TOGETHER = "together"
JUDGED = (*RECIPES, *COURSES, TOGETHER)
"""What can be evaluated."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m diptych.tools.tiny", description="Train or judge the tiny family.")
    parser.add_argument("what", choices=[*RECIPES, *COURSES, DECODER, "evaluate", "calibrate"])
    parser.add_argument("names", nargs="*", help=f"what to evaluate, of {', '.join(JUDGED)}; all where none is named")
    parser.add_argument("--hours", type=float, help="train for this time; half an hour where --steps is not given")
    parser.add_argument("--steps", type=int, help="train for at most so many steps")
    parser.add_argument("--settle", action="store_true", help="let the learning rate fall to nothing over this call")
    parser.add_argument("--fresh", action="store_true", help="forget what was learned before")
    given = parser.parse_args()
    if unknown := set(given.names) - set(JUDGED):
        parser.error(f"cannot evaluate {', '.join(sorted(unknown))}; known: {', '.join(JUDGED)}")
    if given.what == "evaluate":
        from .evaluate import evaluate
        from .generative.evaluate import evaluate as evaluate_generative
        from .together import evaluate as evaluate_together

        names = given.names or [name for name in JUDGED if name == TOGETHER or (CHECKPOINTS / name).is_dir()]
        evaluate([name for name in names if name in RECIPES])
        evaluate_generative([name for name in names if name in COURSES])
        if TOGETHER in names:
            evaluate_together()
        return
    if given.what == "calibrate":
        from .calibrate import calibrate

        print(json.dumps(calibrate(), indent=1))
        return
    hours = 0.5 if given.hours is None and given.steps is None else given.hours
    if given.what == DECODER:
        train_decoder(hours=hours, steps=given.steps, settle=given.settle)
        return
    if given.what in COURSES:
        course = COURSES[given.what]()
        train_denoiser(course, hours=hours, steps=given.steps, settle=given.settle, fresh=given.fresh)
        return
    train(recipe(given.what), hours=hours, steps=given.steps, settle=given.settle, fresh=given.fresh)


if __name__ == "__main__":
    main()
