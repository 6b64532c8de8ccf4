"""Results outlive the process, within a bound, and a damaged one is never handed out."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from diptych.orchestrator import blobs
from diptych.orchestrator.store import Store
from diptych.tools.errors import UsageError
from diptych.tools.values import Detections, Image, Mask, Number, Text, Value, Verdict

from .kept import damage

VALUES = [
    Image(np.arange(24, dtype=np.uint8).reshape(2, 4, 3)),
    Image(np.zeros((100, 100, 3), np.uint8)),
    Mask(np.eye(3, dtype=bool)),
    Detections.empty("cat"),
    Text("ÄÖ\n"),
    Text("long " * 10_000),
    Number(2.5, "%"),
    Verdict(True, 0.5, "half", Detections(np.ones((1, 4), np.float32), ("a",), np.ones(1, np.float32))),
]
SMALL, LARGE = 20, 100
"""Sides of pictures that live in the database and in a file."""


def blank(value: int, side: int = LARGE) -> Image:
    return Image(np.full((side, side, 3), value, np.uint8))


def keep(folder: Path, results: dict[str, Value | tuple[Value, ...]], **options: int) -> None:
    store = Store(folder, **options)
    for key, result in results.items():
        store.put(key, result)
    store.close()


def files(folder: Path) -> list[Path]:
    return [*folder.rglob("*.value"), *folder.rglob("*.part")]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.kind} {len(value.encode())}")
def test_a_value_comes_back_after_a_restart(value: Value, tmp_path: Path) -> None:
    keep(tmp_path, {"key": value})
    assert bool(files(tmp_path)) == (len(value.encode()) > blobs.SMALL_BYTES)
    store = Store(tmp_path)
    assert store.get("key") == value and store.value(value.digest) == value


def test_lists_keep_their_order_and_may_be_empty(tmp_path: Path) -> None:
    items = (blank(2), blank(1), blank(2))
    keep(tmp_path, {"list": items, "empty": (), "one": (Text("x"),)})
    again = Store(tmp_path)
    assert again.get("list") == items and again.get("empty") == () and again.get("nothing") is None
    assert again.get("one") == (Text("x"),)


def test_what_is_put_is_there_at_once_and_durable_with_the_flush(tmp_path: Path) -> None:
    store, other = Store(tmp_path, memory_bytes=0), Store(tmp_path)
    for value in (blank(1), blank(1, SMALL)):
        store.put(value.digest, value)
        assert store.get(value.digest) == value and other.find(value.digest) is None
    store.flush()
    store.flush()
    assert other.get(blank(1).digest) == blank(1) and other.get(blank(1, SMALL).digest) == blank(1, SMALL)


def test_a_result_may_be_put_again_and_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for text in ("a", "b", "b"):
        store.put("key", Text(text))
        store.flush()
    assert Store(tmp_path).get("key") == Text("b")


def test_much_that_waits_is_written_without_being_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.orchestrator.store.MOST_PENDING_BYTES", 50_000)
    store, other = Store(tmp_path), Store(tmp_path)
    store.put("a", blank(1))
    assert other.find("a") is None
    store.put("b", blank(2))
    assert other.find("a") and other.find("b")


def test_the_end_of_the_program_is_a_flush(tmp_path: Path) -> None:
    run_python(
        "store.put('key', Text('x')); sys.stdout.flush(); pid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)  # the child's end must not touch the parent's database",
        tmp_path,
    )
    assert Store(tmp_path).get("key") == Text("x")


def test_what_comes_back_cannot_be_changed(tmp_path: Path) -> None:
    keep(tmp_path, {"large": blank(1), "small": blank(1, SMALL)})
    for key in ("large", "small"):
        value = Store(tmp_path).get(key)
        assert isinstance(value, Image)
        with pytest.raises(ValueError, match="read-only"):
            value.pixels[0, 0, 0] = 9


@pytest.mark.parametrize("side", [SMALL, LARGE])
def test_a_damaged_blob_is_dropped_and_healed(side: int, tmp_path: Path) -> None:
    keep(tmp_path, {"key": blank(1, side)})
    assert damage(tmp_path) == 1
    store = Store(tmp_path)
    assert store.find("key") and store.get("key") is None and store.find("key") is None
    assert Store(tmp_path).find("key") is None and not files(tmp_path)
    store.put("key", blank(1, side))
    store.flush()
    assert Store(tmp_path).get("key") == blank(1, side)


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, None])
def test_a_file_that_holds_something_else_or_is_gone(content: bytes | None, tmp_path: Path) -> None:
    keep(tmp_path, {"key": blank(1)})
    (file,) = files(tmp_path)
    file.unlink() if content is None else file.write_bytes(content)
    store = Store(tmp_path)
    assert store.get("key") is None and store.find("key") is None and not files(tmp_path)


def test_a_digest_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    outside = tmp_path / "mine.value"
    outside.write_bytes(b"not to be touched")
    for digest in ("../../../mine", "", "ab/../../../mine", "0" * 63, "0" * 64 + "\n"):
        assert store.value(digest) is None
    assert outside.exists()


@pytest.mark.parametrize("side", [SMALL, LARGE])
def test_the_least_recently_used_go_first(side: int, tmp_path: Path) -> None:
    size = len(blank(0, side).encode()) + 300
    store = Store(tmp_path, max_bytes=int(3.5 * size), memory_bytes=0)
    for value in (1, 2, 3):
        store.put(f"key {value}", blank(value, side))
    assert store.get("key 1") is not None
    store.flush()
    store.put("key 4", blank(4, side))
    store.flush()
    kept = [value for value in (1, 2, 3, 4) if store.get(f"key {value}") is not None]
    assert kept == [1, 3, 4] == [value for value in (1, 2, 3, 4) if store.find(f"key {value}")]
    assert len(files(tmp_path)) == (3 if side == LARGE else 0)


def test_protected_blobs_stay_until_nobody_protects_them(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=70_000, memory_bytes=0)
    digest = blank(0).digest
    one, other = {digest}, set[str]()
    store.protect(one)
    store.protect(other)
    store.put("key 0", blank(0))
    other.add(digest)
    store.release(one)
    for value in range(1, 8):
        store.put(f"key {value}", blank(value))
        store.flush()
    assert store.value(digest) == blank(0) and store.find("key 1") is None
    store.release(other)
    for value in range(8, 11):
        store.put(f"key {value}", blank(value))
        store.flush()
    assert store.find("key 0") is None and store.value(digest) is None


def test_results_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "MOST_RESULTS", 10)
    keep(tmp_path, {f"key {number}": Text("same") for number in range(12)})
    store = Store(tmp_path)
    assert [number for number in range(12) if store.find(f"key {number}")] == list(range(3, 12))


def test_what_another_process_threw_away_is_not_claimed_twice(tmp_path: Path) -> None:
    store, other = Store(tmp_path, memory_bytes=0), Store(tmp_path, max_bytes=40_000, memory_bytes=0)
    store.put("key", blank(1))
    store.flush()
    assert store.find("key")
    other.put("another", blank(2))
    other.flush()
    assert store.value(blank(1).digest) is None and store.find("key") is None and len(files(tmp_path)) == 1
    store.put("key", blank(1))
    store.flush()
    assert other.get("key") == blank(1)


def test_a_file_that_is_no_index_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"this is not a database, whatever else it may be" * 40)
    store = Store(tmp_path)
    store.put("key", Text("x"))
    store.flush()
    assert store.get("key") == Text("x")


def test_a_damaged_index_is_named_with_the_remedy(tmp_path: Path) -> None:
    keep(tmp_path, {f"{number}": Text(f"{number}" * 50) for number in range(500)})
    index = tmp_path / "index.db"
    index.write_bytes(index.read_bytes()[:8192] + b"\x77" * (index.stat().st_size - 8192))
    with pytest.raises(UsageError, match=r"index\.db.*is damaged.*delete it"):
        Store(tmp_path).find("7")


def test_a_later_layout_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "index.db")) as connection, connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(UsageError, match="written by a later Diptych"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="DIPTYCH_HOME"):
        Store(tmp_path / "file")


def run_python(code: str, folder: Path) -> str:
    """Run code that finds an open `store` in another process and return what it prints."""
    head = (
        "import os, resource, sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from diptych.orchestrator.store import Store\nfrom diptych.tools.errors import UsageError\n"
        "from diptych.tools.values import Image, Text\n"
        "folder = Path(sys.argv[1])\nstore = Store(folder)\n"
        "def blank(value): return Image(np.full((100, 100, 3), value, np.uint8))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + code, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "" and done.returncode == 0, done.stderr
    return done.stdout


FULL = """
store.put("large", blank(1)); store.put("small", Text("x")); store.put("list", (blank(2), Text("y")))
resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
for _ in range(2):
    try: store.flush(); print("flushed")
    except UsageError as error: print("DIPTYCH_HOME" in str(error), str(folder) in str(error))
assert store.get("large") == blank(1) and store.get("small") == Text("x")
assert Store(folder).find("large") is None and not list(folder.rglob("*.part"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("limit", [4000, 40_000], ids=["no file", "no index"])
def test_a_full_disk_loses_nothing(limit: int, tmp_path: Path) -> None:
    assert run_python(FULL.replace("ROOM", str(limit)), tmp_path) == "True True\n" * 2
    store = Store(tmp_path)  # there was room again before the program ended
    assert store.get("large") == blank(1) and store.get("list") == (blank(2), Text("y"))


READ_ONLY = """
def lock(mode):
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())): path.chmod(mode)
store.put("before", blank(1)); store.flush(); store.put("later", blank(2))
lock(0o555)
if not os.getuid(): os.seteuid(65534)  # the superuser may write everywhere
try: store.flush()
except UsageError as error: print(str(error))
assert store.get("before") == blank(1) and store.get("later") == blank(2)
if not os.getuid(): os.seteuid(0)
lock(0o755)
"""


def test_a_folder_that_became_read_only_loses_nothing(tmp_path: Path) -> None:
    assert "cannot keep results" in run_python(READ_ONLY, tmp_path)
    assert Store(tmp_path).get("later") == blank(2)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from diptych.orchestrator.store import Store
from diptych.tools.values import Image, Text, decode
store = Store(Path(sys.argv[1]), max_bytes=400_000, memory_bytes=0)
print("ready", flush=True)
number = 0
while number < int(sys.argv[3]):
    number += 1
    side = 20 + number % 90
    value = Image(np.full((side, side, 3), number % 250, np.uint8)) if number % 2 else Text(f"{number}" * 20)
    store.put(f"key {number % 300}", (value, Text(sys.argv[2] * 50)))
    if number % 7 == 0:
        store.flush()
    stored = store.find(f"key {number * 31 % 300}")
    for digest in stored.digests if stored else ():
        value = store.value(digest)
        assert value is None or decode(value.encode()).digest == digest
store.close()
"""


def writers(folder: Path, names: str, steps: int) -> list[subprocess.Popen[str]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), name, str(steps)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for writer in started:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    return started


def check_promises(folder: Path) -> None:
    """Every row has its blob, every result that is found can be read, and the sums are right."""
    store = Store(folder)
    found = [stored for number in range(300) if (stored := store.find(f"key {number}"))]
    assert found and all(store.value(digest) is not None for stored in found for digest in stored.digests)
    with closing(sqlite3.connect(folder / "index.db")) as connection:
        in_files = {row[0] for row in connection.execute("SELECT digest FROM blobs WHERE data IS NULL")}
        assert in_files <= {path.stem for path in folder.rglob("*.value")}
        assert connection.execute("SELECT bytes, results FROM total").fetchone() == (
            connection.execute("SELECT sum(bytes) FROM blobs").fetchone()[0],
            connection.execute("SELECT count(*) FROM results").fetchone()[0],
        )


def test_two_processes_put_find_and_prune_at_once(tmp_path: Path) -> None:
    errors = [writer.communicate(timeout=120)[1] for writer in writers(tmp_path, "ab", 800)]
    assert errors == ["", ""]
    check_promises(tmp_path)
    with closing(sqlite3.connect(tmp_path / "index.db")) as connection:
        assert connection.execute("SELECT bytes <= 400000 FROM total").fetchone()[0]
        assert not connection.execute("SELECT * FROM doomed").fetchall()
    assert not list(tmp_path.rglob("*.part"))


def test_killed_at_any_moment_nothing_is_torn(tmp_path: Path) -> None:
    for moment in range(4):
        killed, other = writers(tmp_path, "ab", 10**9)
        threading.Event().wait(0.05 + 0.03 * moment)
        for writer in (killed, other):
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
        check_promises(tmp_path)
        assert not list(tmp_path.rglob("*.part"))


def test_parts_of_the_living_are_left_alone_for_a_day(tmp_path: Path) -> None:
    Store(tmp_path).close()
    folder = tmp_path / "parts"
    folder.mkdir()
    mine, old = folder / f"{os.getpid()}-a.part", folder / f"{os.getpid()}-b.part"
    mine.touch()
    old.touch()
    os.utime(old, (1, 1))
    Store(tmp_path)
    assert list(folder.iterdir()) == [mine]


def test_many_threads_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=200_000, memory_bytes=100_000)
    errors: list[Exception] = []

    def work(name: int) -> None:
        try:
            for number in range(150):
                value = blank(number % 50, side=20 + number % 70)
                store.put(f"{number}", value)
                protected = {value.digest}
                store.protect(protected)
                if number % 9 == name:
                    store.flush()
                assert store.value(value.digest) == value, number
                store.release(protected)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert not errors


def test_after_many_misses_what_others_keep_is_still_found(tmp_path: Path) -> None:
    here, other = Store(tmp_path / "store"), Store(tmp_path / "store")
    other.put("before", Text("1"))
    other.flush()
    for number in range(100):
        assert here.find(f"nothing {number}") is None
    assert here.get("before") == Text("1")
    here.put("own", Text("2"))
    assert here.get("own") == Text("2")
    other.put("after", Text("3"))
    other.flush()
    here.look_again()
    assert here.get("after") == Text("3")
    for store in (here, other):
        store.close()
