"""The demo: every part of Anamnesis on made data, as the commands that a person would type."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

from ehr.errors import EhrError
from ehr.splits import split_sql
from ehr.store import open_store, opened

MODEL: Final = "demo"
TASK: Final = "in_hospital_mortality"
STOP_SECONDS: Final = 60.0
MARK: Final = ".anamnesis-demo"
NEWCOMER: Final = ("--patients", "1", "--seed", "2026")


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the demo is; the tests tell the same story with fewer patients and a smaller model."""

    patients: int = 1500
    seed: int = 7
    training: tuple[str, ...] = ()


QUICK: Final = Scale(
    patients=120,
    training=tuple(
        word
        for setting in ("width=32", "layers=1", "epochs=1", "fine_tune_epochs=2", "max_tokens=128", "ensemble=2")
        for word in ("--set", setting)
    ),
)


@dataclass(slots=True)
class Story:
    """Tells the demo in `folder` and remembers how long each step took."""

    folder: Path
    scale: Scale
    console: Console
    seconds: dict[str, float]

    @property
    def store(self) -> Path:
        """The store that the demo leaves behind."""
        return self.folder / "store"

    def chapter(self, title: str, why: str) -> None:
        """Print a heading and what is about to happen."""
        self.console.print()
        self.console.print(Rule(f"[bold]{title}", align="left"))
        self.console.print(f"[italic]{why}")

    def run(self, title: str, *words: str) -> None:
        """Run one `ehr` command as a process of its own; raises EhrError when it fails."""
        self._run(title, "ehr", [sys.executable, "-m", "api.cli", "--store", str(self.store), *words], words)

    def call(self, title: str, address: str, *words: str) -> None:
        """Call the running service from another process; raises EhrError when it fails."""
        argv = [sys.executable, "-m", "api.client", "--address", address, *words]
        self._run(title, f"python -m api.client --address {address}", argv, words)

    def _run(self, title: str, shown: str, argv: Sequence[str], words: Sequence[str]) -> None:
        self.console.print(f"\n[green]$ {escape(shown)} {escape(shlex.join(words))}")
        started = time.monotonic()
        code = subprocess.run(argv, check=False).returncode
        self.seconds[title] = self.seconds.get(title, 0.0) + time.monotonic() - started
        if code != 0:
            raise EhrError(f"the demo stopped: step {title!r} ended with exit code {code}")


def clear_folder(folder: Path) -> None:
    """Empty the folder of an earlier demo; raises EhrError when it holds anything else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise EhrError(f"{folder} holds something that no demo made; name a new folder with --dir")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def tell(folder: Path, scale: Scale, console: Console) -> None:
    """Tell the whole story in `folder`; raises EhrError at the first step that fails."""
    story = Story(folder, scale, console, {})
    started = time.monotonic()
    for part in (_make, _look, _ask, _foresee, _serve):
        part(story)
    _end(story, time.monotonic() - started)


def _make(story: Story) -> None:
    data = story.folder / "data"
    story.chapter(
        "1. A hospital that does not exist",
        "Made patients in the layout of MIMIC-IV. A hidden state of health drives what happens to them, so their "
        "true risks are known.",
    )
    size = ("--patients", str(story.scale.patients), "--seed", str(story.scale.seed))
    story.run("simulate", "simulate", *size, "--format", "mimic", "--out", str(data))
    story.chapter("2. Records in", "Every file gets a row in the ledger; what cannot be read is kept with a reason.")
    story.run("import", "import", "mimic", str(data))
    story.run("stats", "stats")


def _look(story: Story) -> None:
    story.chapter(
        "3. One patient",
        "Records as a timeline: the stays, diagnoses and procedures of a patient from whom no model will learn.",
    )
    kinds = ("--kind", "encounter", "--kind", "condition", "--kind", "procedure")
    story.run("timeline", "timeline", str(_held_out_patient(story.store)), *kinds, "--limit", "16")


def _ask(story: Story) -> None:
    story.chapter("4. Asking", "In SQL over clinical views, behind a guard that lets nothing but reading through ...")
    story.run("sql", "sql", SQL.strip())
    story.run("sql", "code", "search", "heart", "failure", "--limit", "3")
    story.chapter(
        "5. Asking in English", "The answer says what was understood; a question it cannot answer is refused."
    )
    for question in QUESTIONS:
        story.run("ask", "ask", question)
    story.chapter("6. A cohort", "A task in the language of ACES: who is in, who is out, at which rule.")
    story.run("cohort", "cohort", TASK)


def _foresee(story: Story) -> None:
    story.chapter(
        "7. Foreseeing", "Timelines become tokens; a transformer learns from the training patients only ..."
    )
    story.run("tokenize", "tokenize")
    story.run("train", "train", "--task", TASK, "--model", MODEL, *story.scale.training)
    story.chapter(
        "8. How good is it?",
        "... and is measured on patients that it has not seen, beside a baseline and the best that is possible.",
    )
    truth = str(story.folder / "data" / "truth.parquet")
    report = str(story.folder / "report")
    story.run("evaluate", "evaluate", "--model", MODEL, "--task", TASK, "--truth", truth, "--out", report)


def _serve(story: Story) -> None:
    story.chapter(
        "9. The service",
        "The same store over gRPC: another process asks, brings a new patient as FHIR, and asks for a risk.",
    )
    newcomer = story.folder / "newcomer"
    story.run("serve", "simulate", *NEWCOMER, "--format", "fhir", "--out", str(newcomer))
    subject = str(_held_out_patient(story.store))
    with _served(story) as address:
        story.call("serve", address, "ask", QUESTIONS[0])
        story.call("serve", address, "ingest", *map(str, sorted(newcomer.glob("*.ndjson.gz"))))
        story.call("serve", address, "ask", "How many patients are there?")
        story.call("serve", address, "predict", MODEL, TASK, subject)


def _end(story: Story, seconds: float) -> None:
    story.console.print()
    story.console.print(Rule("[bold]The end", align="left"))
    table = Table("step", "seconds", box=None)
    table.columns[1].justify = "right"
    for title, spent in story.seconds.items():
        table.add_row(title, f"{spent:.1f}")
    table.add_row("[bold]all", f"[bold]{seconds:.1f}")
    story.console.print(table)
    story.console.print(f"The report: [bold]{story.folder / 'report' / 'report.html'}")
    story.console.print(f"The store stays for you:\n  export ANAMNESIS_STORE={story.store}")
    story.console.print("  ehr ask 'How many patients died in hospital?'")


@contextmanager
def _served(story: Story) -> Iterator[str]:
    """Run `ehr serve` on a free port in a process of its own; it must end well when told to stop."""
    argv = [sys.executable, "-m", "api.cli", "--store", str(story.store), "serve", "--port", "0"]
    story.console.print("\n[green]$ ehr serve --port 0 &")
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("serving"):
            raise EhrError("the demo stopped: the service did not start")
        story.console.print(escape(line.rstrip()))
        yield line.split(" on ")[1].split(";")[0]
    finally:
        process.terminate()
        code = process.wait(STOP_SECONDS)
        story.console.print(f"[green]$ kill %1[/]\nthe service ended with exit code {code}")
    if code != 0:
        raise EhrError(f"the demo stopped: the service ended with exit code {code}")


def _held_out_patient(store: Path) -> int:
    """Return a patient whom training never sees, who was in hospital for days, in intensive care if there is one."""
    with opened(open_store(store)) as opened_store:
        rows = opened_store.cursor().execute(
            f"""
            SELECT subject_id FROM encounter
            ORDER BY {split_sql("subject_id")} = 'held_out' DESC, end_time > start_time + INTERVAL 2 DAY DESC,
                     class = 'icu' DESC, subject_id
            LIMIT 1
            """
        )
        return int(rows.fetchall()[0][0])


SQL: Final = """
SELECT description, count(DISTINCT subject_id) AS patients, round(median(value), 1) AS median, any_value(unit) AS unit
FROM observation WHERE value IS NOT NULL
GROUP BY description ORDER BY patients DESC, description LIMIT 8
"""
QUESTIONS: Final = (
    "How many patients have heart failure?",
    "Average age of women admitted with pneumonia",
    "Will the next patient survive?",
)
