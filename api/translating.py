"""Training a translator for the questions of a schema, and putting it to work.

FOLDER/translator.json, weights.pt    the parser (models.translator)
FOLDER/judge.json                     when to trust it (sql.text.answering.judging)
FOLDER/training/                      the state of a training, from which an interrupted one goes on

A parser is trained without each part of the questions and tries that part; on these attempts the confidence is
fitted. The parser that is kept is trained on all questions, and on those that frames make.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from ehr.errors import ModelError
from ehr.progress import Progress, silent
from models.translator import (
    Pair,
    Reteller,
    Translator,
    TranslatorSettings,
    load,
    save,
    settings_from,
    train,
    train_reteller,
)
from sql.text.answering.answering import Judge
from sql.text.answering.composing import composed
from sql.text.answering.examples import Asked, Example
from sql.text.answering.familiarity import familiarity_of
from sql.text.answering.folds import Parting
from sql.text.answering.ground import Ground
from sql.text.answering.judging import HOW_TO_TRAIN, Judged, expected, judge_of, load_judge, save_judge
from sql.text.answering.material import Material, judged_part, material_of
from sql.text.answering.parser import Parsed
from sql.text.answering.phrases import phrased
from sql.text.records.catalogue import Catalogue
from sql.text.records.grammar import Grammar
from sql.text.records.shape import CatalogueShape

DEFAULT_FOLDER: Final = "translators"
_PROCESSOR: Final = Path("/proc/cpuinfo")
Job = int | str
"""A network of a parser by its number, or the reteller."""
RETELLER: Final = "reteller"
_OF_RETELLER: Final = 2
"""What the seed of the reteller adds to that of the training, however many members there are."""
WIDTH: Final = 4
"""Readings that a parser gives of a question."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a translator is trained."""

    seed: int = 1
    folds: int = 2
    """Parts of the questions that a parser is kept from in turn; the confidence rests on what it makes of them."""
    draws: int = 3
    """How many times over the questions are parted, so that trust does not hang on which meanings were drawn."""
    members: int = 2
    """Networks of a parser."""
    passes: int = 14
    """Passes over the questions in the training of a network."""
    retold_passes: int = 8
    """Passes in the training of the network that goes the other way, from tokens to words; 0 does without it."""
    composed: int = 5000
    """Questions made by composition, at most."""
    phrased: int = 3000
    """Questions made from a grammar of phrases, at most; parsers that lack a part learn without them."""
    made: int = 400
    """Questions without an answer that are made, at most."""
    none_share: float | None = 0.2
    """Share of questions without an answer where the translator is used; None: as in training."""
    jobs: int = 1
    """Networks that are trained at the same time, a core each."""
    precision: str = "auto"
    """As in Lightning; auto takes bf16-mixed where the processor multiplies in bfloat16, else 32-true."""


DEFAULT_PLAN: Final = Plan()


class LearnedParser:
    """A translator as the parser that answers ask for."""

    def __init__(self, translator: Translator) -> None:
        self.translator = translator

    def __call__(self, texts: Sequence[str]) -> list[Parsed]:
        """Return what each of the questions may mean."""
        return [
            Parsed(
                tuple(answer.tokens for answer in one.answers),
                tuple(answer.score for answer in one.answers),
                one.signals.as_mapping(),
            )
            for one in self.translator.translate(texts, WIDTH)
        ]


def default_folder(catalogue: str) -> Path:
    """Return where the translator of a catalogue is kept unless a folder is named."""
    return Path(DEFAULT_FOLDER) / Path(catalogue).stem


def load_translator(folder: Path, ground: Ground) -> tuple[LearnedParser, Judge, dict[str, Any]]:
    """Read a trained translator with what it is trusted by and the report of its training.

    Raises ModelError, saying how to train one, where there is none, and where it is one for another catalogue.
    """
    judge, report = load_judge(folder)
    if report["catalogue"] != ground.catalogue.name:
        raise ModelError(
            f"the translator in {folder} is for catalogue {report['catalogue']}, not {ground.catalogue.name};"
            f" {HOW_TO_TRAIN}"
        )
    return LearnedParser(load(folder, ground.grammar)), judge, report


# --- training ---------------------------------------------------------------------------------------------


def train_translator(
    asked: Sequence[Asked], ground: Ground, folder: Path, plan: Plan = DEFAULT_PLAN, progress: Progress = silent
) -> dict[str, Any]:
    """Train a translator on questions with their SQL, write it into a folder and return the report.

    Goes on where an interrupted training of the same questions and plan stopped. Raises ModelError when the folder
    holds another training, and QuestionError or ModelError when the questions teach too little.
    """
    began = time.perf_counter()
    progress("reading the questions", 0, len(asked))
    material = material_of(asked, ground, Parting(plan.folds, plan.draws, plan.seed), plan.made)
    work = folder / "training"
    parsers = _trained(material, ground, plan, work, progress)
    judged: list[Judged] = []
    for part in range(material.parts):
        progress(f"trying the questions kept from parser {part + 1}", part, material.parts)
        judged += judged_part(material, part, ground, LearnedParser(parsers[part]))
    judge = judge_of(judged, familiarity_of(material.examples()), plan.none_share)
    report = {
        "catalogue": ground.catalogue.name,
        "plan": asdict(plan),
        "lessons": material.report(),
        "held_out": expected(judged, plan.none_share, plan.seed).as_mapping(),
        "parameters": parsers[None].parameters,
        "seconds": round(time.perf_counter() - began, 1),
    }
    folder.mkdir(parents=True, exist_ok=True)
    save(folder, parsers[None])
    save_judge(folder, judge, report)
    return report


def _trained(
    material: Material, ground: Ground, plan: Plan, work: Path, progress: Progress
) -> dict[int | None, Translator]:
    """Train a parser without each part, and one on all questions under the key None.

    Frames are kept from the parsers that lack a part: a question that is asked later may mean what no frame foresaw,
    and what such a question looks like to a parser is to be learnt from the parts.
    """
    parts = [*range(material.parts), None]
    tasks: list[_Task] = []
    for place, part in enumerate(parts):
        progress("making questions", place, len(parts))
        name = "all" if part is None else f"without-{part + 1}"
        pairs = _pairs(material.examples(part), ground, plan if part is None else replace(plan, phrased=0))
        jobs = [*range(plan.members), *([RETELLER] if plan.retold_passes else [])]
        tasks += [_Task(part, job, pairs, ground.catalogue, plan, work / name / str(job)) for job in jobs]
    trained = dict(_run(tasks, plan, progress))
    return {part: _joined([one for (own, _), one in trained.items() if own == part]) for part in parts}


def _pairs(examples: Sequence[Example], ground: Ground, plan: Plan) -> list[Pair]:
    """Return what the networks of a parser learn from: questions of the training set and made ones."""
    made = composed(examples, ground.grammar, plan.composed, plan.seed)
    made += phrased(ground.catalogue, ground.grammar, plan.phrased, plan.seed)
    return [Pair(one.text, one.tokens, one.weight) for one in (*examples, *made)]


class _Task:
    """The training of one network of one parser, or of its reteller, ready to be sent to another process."""

    def __init__(
        self, part: int | None, job: Job, pairs: list[Pair], catalogue: Catalogue, plan: Plan, folder: Path
    ) -> None:
        self.key = (part, job)
        self.pairs = pairs
        self.catalogue = catalogue
        self.plan = plan
        self.folder = folder
        self.what = "all questions" if part is None else f"all but part {part + 1}"

    def run(self, progress: Progress = silent) -> Translator | Reteller:
        """Train the network; one that is finished is read again."""
        settings = settings_of(self.plan, self.key[1])
        if self.key[1] == RETELLER:
            return train_reteller(self.pairs, settings, folder=self.folder, progress=progress)
        grammar = Grammar(CatalogueShape(self.catalogue))
        return train(self.pairs, [], grammar, settings, folder=self.folder, progress=progress)


def settings_of(plan: Plan, job: Job) -> TranslatorSettings:
    """Return the settings of one network."""
    precision = _precision() if plan.precision == "auto" else plan.precision
    place, passes = (_OF_RETELLER, plan.retold_passes) if isinstance(job, str) else (job, plan.passes)
    return settings_from({"seed": 1000 * plan.seed + place, "epochs": passes, "precision": precision})


def _precision() -> str:
    """Return the faster precision of this processor, as far as it tells."""
    flags = _PROCESSOR.read_text(encoding="utf-8") if _PROCESSOR.is_file() else ""
    return "bf16-mixed" if "avx512_bf16" in flags or "amx_bf16" in flags else "32-true"


def _run(
    tasks: Sequence[_Task], plan: Plan, progress: Progress
) -> Iterator[tuple[tuple[int | None, Job], Translator | Reteller]]:
    if plan.jobs == 1:
        for place, task in enumerate(tasks, 1):
            what = f"network {place} of {len(tasks)} ({task.what})"
            yield task.key, task.run(lambda _, done, total, what=what: progress(what, done, total))  # type: ignore[misc]
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        futures: dict[Future[Translator | Reteller], _Task] = {pool.submit(_run_task, task): task for task in tasks}
        for done, future in enumerate(as_completed(futures), 1):
            progress("networks trained", done, len(tasks))
            yield futures[future].key, future.result()


def _run_task(task: _Task) -> Translator | Reteller:
    return task.run()


def _joined(trained: Sequence[Translator | Reteller]) -> Translator:
    """Join networks that were trained on the same pairs, and their reteller where there is one."""
    members = [one for one in trained if isinstance(one, Translator)]
    reteller = next((one for one in trained if isinstance(one, Reteller)), None)
    networks = tuple(network for one in members for network in one.networks)
    reports = [report for one in members for report in one.report["members"]]
    seconds = sum(one.report["seconds"] for one in members)
    report = {**members[0].report, "members": reports, "seconds": seconds}
    return replace(members[0], networks=networks, report=report, reteller=reteller)
