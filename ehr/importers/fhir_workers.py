"""Judging the parts of large FHIR inputs in other processes, in the order in which they came.

    pieces of files -> a worker each (parse, judge, pile up) -> Answers in the same order -> Staging.take

A worker is a Python process that reads parts from its standard input and writes what they gave to its standard
output. It ends when that input ends, however its parent came to its end, and it never sees a store.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import IO, Final, NamedTuple

import pyarrow as pa

from ehr.errors import EhrError
from ehr.importers.fhir_files import Broken, Found
from ehr.importers.fhir_items import Rules, take_items
from ehr.importers.fhir_pile import Mark, Pile, Row
from ehr.importers.fhir_read import Part, Remark, items_of
from ehr.importers.fhir_resources import readers
from ehr.ledger import Tally
from ehr.reasons import Reason

WORTH_BYTES: Final = 64 << 20
"""Bytes of JSON from which on starting workers pays: each takes about 0.3 s to start."""
PACKED: Final = 10
"""How many bytes of JSON a byte of gzip is taken for."""
MOST_WORKERS: Final = 4
"""The parent keeps up with about so many."""
BYTES_AHEAD: Final = 64 << 20
"""Bytes of parts that are on their way at a time, unless a single one is larger: work for the time of a commit."""


class Setup(NamedTuple):
    """How to judge: the same for a whole import. `now` is the time of deletions that tell none."""

    now: datetime
    billing: bool
    strict: bool

    def rules(self) -> Rules:
        """Return what is taken in."""
        if not self.strict:
            return Rules(readers(self.billing))
        from ehr.importers.fhir_strict import problem_with

        return Rules(readers(self.billing), problem_with)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is being read; the hash is empty when it cannot be read, `as_of` the time of its bulk export."""

    number: int
    found: Found
    sha256: str
    as_of: datetime | None


class Piece(NamedTuple):
    """A part of a file, or, without a part, the end of the file and why it broke off, if it did."""

    source: Source
    part: Part | None
    broken: Broken | None = None


class Answer(NamedTuple):
    """What a part of a file gave; source ids are 0, and ordinals count from 0."""

    tallies: dict[str, Tally]
    remarks: list[Remark]
    broken: tuple[str, str | None, Reason] | None
    tables: dict[str, pa.Table]
    n_records: int
    notices: list[Row]
    alike: list[tuple[Reason, str, int]]
    titles: list[tuple[str, str | None, str | None]]
    marks: set[Mark]
    size: int


class WorkerEndedError(EhrError):
    """A worker process ended before it answered."""


def judge(part: Part, as_of: datetime | None, setup: Setup, rules: Rules) -> Answer:
    """Read and judge a part of a file on a pile of its own."""
    pile = Pile(setup.now)
    remarks: list[Remark] = []
    tallies: dict[str, Tally] = {}
    broken = None
    try:
        tallies = dict(take_items(items_of(part, remarks), pile, rules, as_of))
    except Broken as reason:
        broken = (str(reason), reason.excerpt, reason.code)
    n_records, notices, pile.notices = pile.n_records, pile.notices, []
    alike = [(code, reason, count) for (_, code, reason), count in pile.alike.items()]
    titles, marks = pile.codes.heard, pile.marks
    return Answer(tallies, remarks, broken, pile.tables(), n_records, notices, alike, titles, marks, pile.size)


# The parent --------------------------------------------------------------------------------------------------------


def n_workers(found: list[tuple[str, int]]) -> int:
    """Return how many workers pay for files of these names and sizes on the disk, 0 for none."""
    size = sum(size * PACKED if name.lower().endswith(".gz") else size for name, size in found)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    can_start = os.name == "posix" and bool(sys.executable)
    return min(cores, MOST_WORKERS) if can_start and cores > 1 and size >= WORTH_BYTES else 0


@contextmanager
def workers(count: int, setup: Setup) -> Iterator["Workers"]:
    """Start workers, and end them whatever happens."""
    started = Workers(count, setup)
    try:
        yield started
    finally:
        started.close()


class Workers:
    """Processes that judge parts of files; with none of them, the parts are left to this process."""

    def __init__(self, count: int, setup: Setup) -> None:
        self._processes = [_start(setup) for _ in range(count)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            self._idle.put(process)
        self._askers = ThreadPoolExecutor(max(1, count), thread_name_prefix="fhir-worker")

    def judged(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Answer | None]]:
        """Yield pieces in their order, each with what it gave; with None where it is to be judged here.

        Pieces are read ahead, so that the workers are busy while a batch is committed.
        """
        if not self._processes:
            yield from ((piece, None) for piece in pieces)
            return
        ahead: deque[tuple[Piece, Future[bytes] | None]] = deque()
        size = 0
        for piece in pieces:
            asked = None
            if piece.part is not None:
                size += len(piece.part.data)
                asked = self._askers.submit(self._ask, pickle.dumps((piece.part, piece.source.as_of)))
            ahead.append((piece, asked))
            while len(ahead) > 1 and size > BYTES_AHEAD:
                yield _answered(*ahead[0])
                first = ahead.popleft()[0].part
                size -= len(first.data) if first is not None else 0
        while ahead:
            yield _answered(*ahead.popleft())

    def _ask(self, job: bytes) -> bytes:
        """Let an idle worker do a job; raises WorkerEndedError when it ends."""
        process = self._idle.get()
        try:
            _write(process.stdin, job)
            answer = _read(process.stdout)
        except OSError:
            answer = b""
        finally:
            self._idle.put(process)
        if not answer:
            code = process.wait()
            raise WorkerEndedError(
                f"a worker process of the import ended before its time (exit code {code}; -9 is often a lack of "
                "memory); files that were taken in before stay, import the rest again"
            )
        return answer

    def close(self) -> None:
        """End the workers."""
        self._askers.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._askers.shutdown(wait=True)
        for process in self._processes:
            process.communicate()


def _answered(piece: Piece, asked: Future[bytes] | None) -> tuple[Piece, Answer | None]:
    return piece, None if asked is None else pickle.loads(asked.result())


def _start(setup: Setup) -> subprocess.Popen[bytes]:
    """Start a worker that finds modules as this process does, and gets no Ctrl-C of its own from a terminal."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from ehr.importers.fhir_workers import serve; serve()"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )
    _write(process.stdin, pickle.dumps(setup))
    return process


# A worker ----------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answer parts of files until there are no more."""
    asked, told = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    gc.disable()
    setup: Setup = pickle.loads(_read(asked))
    rules = setup.rules()
    try:
        while job := _read(asked):
            part, as_of = pickle.loads(job)
            _write(told, pickle.dumps(judge(part, as_of, setup, rules), protocol=5))
    except BrokenPipeError:
        os._exit(1)  # nobody is there to hear more


def _write(pipe: IO[bytes] | None, data: bytes) -> None:
    """Write a message: its length, then its bytes."""
    if pipe is None:
        raise AssertionError("the process was started without its pipes")
    pipe.write(len(data).to_bytes(8, "big"))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes] | None) -> bytes:
    """Read a message; nothing where the other side ended."""
    if pipe is None:
        raise AssertionError("the process was started without its pipes")
    head = pipe.read(8)
    data = pipe.read(int.from_bytes(head, "big"))
    return data if len(head) == 8 and len(data) == int.from_bytes(head, "big") else b""
