"""A grid of 36 pictures by the tiny text-to-image checkpoint, for the README: `python benchmarks/tiny_grid.py`.

The first six prompts of each GenEval task in the test split, in their order, nothing chosen; a green frame means that
the judge calls the picture right, a red one that it does not.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from diptych.tools.model import Generator
from diptych.tools.profiles import load_profile
from diptych.tools.tiny.generative.evaluate import by_rule, drawn, right
from diptych.tools.tiny.geneval import tasks

OUT = Path(__file__).parents[1] / "docs" / "tiny.png"
SIDE, GAP, LINE, FRAME = 128, 12, 44, 3


def main() -> None:
    binding = load_profile("tiny").bindings["generator"]
    generator = binding.model.load(binding.source, **binding.options)
    assert isinstance(generator, Generator)
    asked = tasks(6)
    pictures = drawn(generator, [task.prompt for task in asked])
    cell_wh = (SIDE + GAP, SIDE + LINE + GAP)
    sheet = PILImage.new("RGB", (6 * cell_wh[0] + GAP, 6 * cell_wh[1] + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, (task, picture) in enumerate(zip(asked, pictures, strict=True)):
        x, y = (GAP + (place % 6) * cell_wh[0], GAP + (place // 6) * cell_wh[1])
        color = "#2a9d4a" if right(task, picture, by_rule) else "#d33a2c"
        draw.rectangle((x - FRAME, y - FRAME, x + SIDE + FRAME - 1, y + SIDE + FRAME - 1), fill=color)
        sheet.paste(PILImage.fromarray(picture.rgb).resize((SIDE, SIDE), PILImage.Resampling.NEAREST), (x, y))
        words = "\n".join(textwrap.wrap(task.prompt, 24)[:3])
        draw.multiline_text((x, y + SIDE + FRAME + 1), words, fill="black", font=font, spacing=1)
    OUT.parent.mkdir(exist_ok=True)
    sheet.quantize(128).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
