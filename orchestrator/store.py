"""Results that were computed once, kept across runs: content-addressed, bounded in bytes, shared by processes.

What is put is visible in this process at once and costs no I/O; `flush` makes it durable in one transaction, all of
it or nothing. Where things lie, and why a crash leaves nothing torn, is said in `blobs`. Whatever is read is compared
with its name: a damaged blob is dropped and the result counts as unknown, so that the call is simply made again.

The least recently used blobs go when there are too many bytes. What this process protects stays. Another process
does not know of that, but every `find` and `put` counts as a use and is written down with the next flush: it throws
away what has not been used for longer first. What it has thrown away, `value` reports as None.
"""

from __future__ import annotations

import atexit
import os
import re
import threading
import warnings
from collections.abc import Collection, Sequence, Set
from pathlib import Path

from ..tools.errors import UsageError
from ..tools.values import Value
from .at_hand import Protected, Recent
from .blobs import Batch, Blobs, Stored

DEFAULT_BYTES = 4 << 30
DEFAULT_MEMORY_BYTES = 256 << 20
MOST_PENDING_RESULTS = 1000
MOST_PENDING_BYTES = 64 << 20
"""A `put` that finds more than this waiting flushes by itself."""
_MOST_KNOWN = 100_000
_FEW_RESULTS = 2000
_MANY_MISSES = 64
"""All keys are read at once when there are only so few, or after so many misses: a long run of new steps then asks the
disk no more."""
_MOST_UNNOTED_USES = 2000
_DIGEST = re.compile("[0-9a-f]{64}")


class Store:
    """Results by key and values by digest, under one folder; safe to use from several threads and processes.

    `max_bytes` bounds the blobs on disk, `memory_bytes` the decoded values that are kept at hand. Raises UsageError
    when the folder cannot be used.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = DEFAULT_BYTES, memory_bytes: int = DEFAULT_MEMORY_BYTES
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._process = os.getpid()
        self._blobs = Blobs(folder, max_bytes)
        self._lock = threading.Lock()
        """Guards everything below; nothing that waits for the disk happens under it."""
        self._recent = Recent(memory_bytes)
        self._known: dict[str, Stored] = {}
        self._keys: set[str] | None = None
        """Every key on the disk, once that was worth reading."""
        self._misses = 0
        self._losses = 0
        """How often something was found to be gone: an answer from the disk may be older than that."""
        self._gone: set[str] = set()
        self._protected = Protected()
        self._pending = Batch()
        self._writing = Batch()
        self._flushing = threading.Lock()
        atexit.register(self._leave)

    def find(self, key: str) -> Stored | None:
        """Return what the key leads to, unless any of it is known to be gone; no blob is read."""
        with self._lock:
            stored, losses = self._known.get(key), self._losses
            if stored is not None:
                self._pending.touch(key, stored.digests)
                return stored
            if self._keys is not None and key not in self._keys:
                return None
        stored = self._blobs.find(key)
        if stored is None:
            self._miss()
            return None
        with self._lock:
            if not self._gone.isdisjoint(stored.digests):
                return None
            if losses == self._losses:
                self._know(key, stored)
            self._pending.touch(key, stored.digests)
        return stored

    def lasts(self, key: str) -> bool:
        """Say whether a result is on the disk now, whatever this process remembers of it; counts as no use."""
        return self._blobs.find(key) is not None

    def look_again(self) -> None:
        """Notice what other processes have kept meanwhile; `find` may not see it before. Cheap: once per run."""
        if self._keys is not None and self._blobs.changed_by_others():
            with self._lock:
                self._keys, self._misses = None, 0
        if self._keys is None and self._blobs.results() <= _FEW_RESULTS:
            self._learn_keys()

    def value(self, digest: str) -> Value | None:
        """Return the value of that content, or None when it is not here or damaged; a damaged blob is dropped."""
        with self._lock:
            for place in (self._recent.get(digest), self._pending.values.get(digest), self._writing.values.get(digest)):
                if place is not None:
                    return place
        if not _DIGEST.fullmatch(digest):
            return None  # digests come from files of strangers, too, and name files here
        try:
            value = self._blobs.read(digest)
        except (OSError, ValueError):
            self._drop(digest)
            return None
        with self._lock:
            if value is None:
                self._forget({digest})
            else:
                self._recent.put(digest, value)
        return value

    def get(self, key: str) -> Value | tuple[Value, ...] | None:
        """Return the result of a call, or None when any part of it has to be computed again."""
        stored = self.find(key)
        if stored is None:
            return None
        values = [value for value in map(self.value, stored.digests) if value is not None]
        if len(values) < len(stored.digests):
            return None
        return tuple(values) if stored.many else values[0]

    def put(self, key: str, result: Value | Sequence[Value]) -> None:
        """Keep the result of a call: visible here at once, durable at the next `flush`.

        Raises UsageError when so much was waiting that it had to be written, and could not be; it waits on.
        """
        values = (result,) if isinstance(result, Value) else tuple(result)
        self.add(key, tuple([value.digest for value in values]), values, many=not isinstance(result, Value))

    def add(self, key: str, digests: tuple[str, ...], values: Sequence[Value], *, many: bool) -> None:
        """Do as `put`, for values whose digests are at hand."""
        stored = Stored(digests, many)
        with self._lock:
            pending = self._pending
            pending.results[key] = stored
            for digest, value in zip(digests, values, strict=True):
                pending.values[digest] = value
                pending.nbytes += self._recent.put(digest, value)
            pending.touch(key, digests)
            if self._gone:
                self._gone.difference_update(digests)
            self._know(key, stored)
            if self._keys is not None:
                self._keys.add(key)
            full = len(pending.results) >= MOST_PENDING_RESULTS or pending.nbytes > MOST_PENDING_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Make durable everything that was put before this call, and prune.

        Raises UsageError when the disk is full or the folder cannot be written: everything waits for the next flush.
        """
        self._flush(_MOST_UNNOTED_USES)

    def protect(self, digests: Set[str]) -> None:
        """Keep this process from pruning what is, or comes to be, in a set; until `release`."""
        with self._lock:
            self._protected.sets.append(digests)

    def release(self, digests: Set[str]) -> None:
        """Take back `protect` of this very set."""
        with self._lock:
            self._protected.sets = [kept for kept in self._protected.sets if kept is not digests]

    def close(self) -> None:
        """Flush, write down what was used, and let go of the files; closing twice is harmless. Raises like `flush`."""
        self._flush(1)
        atexit.unregister(self._leave)
        self._blobs.close()

    def _flush(self, least_uses: int) -> None:
        """Write what is pending; uses alone only when there are that many of them."""
        with self._flushing:
            with self._lock:
                batch = self._pending
                if not batch.results and len(batch.used) < least_uses:
                    return
                self._writing, self._pending = batch, Batch()
            try:
                dropped = self._blobs.write(batch, self._protected)
            except BaseException:
                with self._lock:
                    batch.add(self._pending)
                    self._pending, self._writing = batch, Batch()
                raise
            with self._lock:
                self._writing = Batch()
                if dropped:
                    self._forget(dropped)

    def _leave(self) -> None:
        """The program ends and nobody closed the store. A forked child leaves this to its parent."""
        if os.getpid() != self._process:
            return
        try:
            self.close()
        except UsageError as error:
            if self._pending.results:
                warnings.warn(f"results of this run are not kept: {error}", RuntimeWarning, stacklevel=1)

    # Under the lock

    def _know(self, key: str, stored: Stored) -> None:
        self._known[key] = stored
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _forget(self, digests: Collection[str]) -> None:
        """Results with these parts are not known any more, except those that are about to be written."""
        lost = set(digests).difference(self._pending.values)
        self._known = {key: stored for key, stored in self._known.items() if lost.isdisjoint(stored.digests)}
        self._losses += 1

    # Not under the lock

    def _miss(self) -> None:
        """Count a key that is nowhere; when there have been many, learn all that are somewhere."""
        self._misses += 1
        if self._misses >= _MANY_MISSES and self._keys is None:
            self._learn_keys()

    def _learn_keys(self) -> None:
        keys = self._blobs.keys()
        with self._lock:
            self._keys = keys.union(self._known)

    def _drop(self, digest: str) -> None:
        with self._lock:
            self._forget({digest})
            self._gone.add(digest)
        try:
            self._blobs.drop(digest)
        except UsageError:
            return  # a store that cannot be written: this process remembers what is not worth asking for
        with self._lock:
            self._gone.discard(digest)
