"""Train or judge the tiny family.

python -m diptych.tools.tiny clip --hours 0.5      train one model, or go on with it
python -m diptych.tools.tiny evaluate              judge all on the fixed test split, or those that are named
"""

from __future__ import annotations

import argparse

from .generative.courses import COURSES
from .generative.polish import NAME as DECODER
from .generative.polish import train_decoder
from .generative.train import train_denoiser
from .recipes import RECIPES, recipe
from .training import CHECKPOINTS, train


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m diptych.tools.tiny", description="Train or judge the tiny family.")
    parser.add_argument("what", choices=[*RECIPES, *COURSES, DECODER, "evaluate"])
    parser.add_argument("names", nargs="*", help=f"what to evaluate, of {', '.join(RECIPES)}; all where none is named")
    parser.add_argument("--hours", type=float, help="train for this time; half an hour where --steps is not given")
    parser.add_argument("--steps", type=int, help="train for at most so many steps")
    parser.add_argument("--settle", action="store_true", help="let the learning rate fall to nothing over this call")
    parser.add_argument("--fresh", action="store_true", help="forget what was learned before")
    given = parser.parse_args()
    if unknown := set(given.names) - set(RECIPES):
        parser.error(f"cannot evaluate {', '.join(sorted(unknown))} alone; known: {', '.join(RECIPES)}")
    if given.what == "evaluate":
        from .evaluate import evaluate
        from .generative.evaluate import evaluate as evaluate_generative

        evaluate(given.names or [name for name in RECIPES if (CHECKPOINTS / name).is_dir()])
        if not given.names:
            evaluate_generative()
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
