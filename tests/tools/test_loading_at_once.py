"""Two lanes may load their first models at the same moment, in a process that has loaded none yet."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from concurrent.futures import ThreadPoolExecutor
from diptych.tools.profiles import load_profile

bindings = load_profile("tiny").bindings
names = ["detector", "inpainter", "segmenter", "generator", "captioner"]
ready = threading.Barrier(len(names))

def load(name):
    ready.wait()
    binding = bindings[name]
    return binding.model.load(binding.source, **binding.options)

with ThreadPoolExecutor(len(names)) as pool:
    print(len(list(pool.map(load, names))))
"""


def test_models_load_at_once() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert ended.stdout.strip() == "5", ended.stderr[-2000:]
