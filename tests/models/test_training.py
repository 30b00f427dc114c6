import logging
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from ehr.errors import ModelError, VocabularyError
from ehr.splits import splits
from models import learner
from models.checkpoint import TaskText, find_model, list_models, load_model, unreadable_models
from models.predict import predict
from models.settings import read_settings
from models.training import Labelled, train
from tests.models.made import START, make_rows, make_timelines, make_vocabulary, tiny_settings

VOCABULARY = make_vocabulary()
TASK = TaskText("planted", "whether RISK was seen")
QUICK = ("epochs=2", "fine_tune_epochs=2", "width=8")


def planted(subjects, seed=0):
    """Return records in which the code RISK decides the outcome, and their label frame."""
    rng = np.random.default_rng(seed)
    records, rows, labels = {}, [], []
    for subject in range(subjects):
        days = np.sort(rng.uniform(0, 60, size=rng.integers(3, 9)))
        codes = rng.choice(np.array(["A", "B", "C"], dtype=object), size=len(days))
        outcome = bool(rng.random() < 0.4)
        if outcome:
            codes[rng.integers(len(codes))] = "RISK"
        records[subject] = [(None, "SEX//F"), *zip(days.tolist(), codes.tolist(), strict=True)]
        rows.append((subject, 61.0))
        labels.append(outcome)
    return make_timelines(VOCABULARY, records), make_rows(rows, labels)


@pytest.fixture(scope="module")
def small():
    return planted(120)


def run(folder, small, *assignments, **options):
    timelines, rows = small
    options.setdefault("target", Labelled(TASK, rows))
    return train(folder, "m", timelines, VOCABULARY, tiny_settings(*QUICK, *assignments), **options)


def test_a_code_that_decides_the_outcome_is_learnt(tmp_path):
    timelines, rows = planted(400)
    settings = tiny_settings("epochs=4", "learning_rate=5e-3", "fine_tune_epochs=40", "fine_tune_learning_rate=5e-3")
    train(tmp_path, "m", timelines, VOCABULARY, settings, target=Labelled(TASK, rows))
    checkpoint = load_model(find_model(tmp_path, "m"), VOCABULARY)
    held_out = rows.filter(splits(rows["subject_id"]) == "held_out")
    risks = predict(checkpoint, timelines, held_out)
    assert roc_auc_score(held_out["boolean_value"], risks["risk"]) > 0.9
    assert checkpoint.report["fine_tuning"]["tuning_brier"] < 0.15
    assert ((risks["low"] <= risks["risk"]) & (risks["risk"] <= risks["high"])).all()


def test_a_history_read_both_ways_with_events_left_out_is_learnt_from_and_foreseen(tmp_path, small):
    timelines, rows = small
    settings = (
        "both_ways=true",
        "pools=2",
        "event_dropout=0.2",
        "thin_hours=1",
        "averaging=0.9",
        "pre_averaging=0.9",
    )
    checkpoint = run(tmp_path, small, *settings)
    risks = predict(load_model(find_model(tmp_path, "m")), timelines, rows)["risk"]
    assert risks.is_between(0, 1).all()
    assert risks.n_unique() > 10
    curve = checkpoint.report["pre_training"]["curve"]
    assert [entry["pass"] for entry in curve] == [1, 2]
    assert all(entry["training_loss"] > 0 and entry["tuning_loss"] > 0 for entry in curve)


def test_an_explicit_split_is_kept_to(tmp_path, small, monkeypatch):
    timelines, _ = small
    split = {subject: ("tuning" if subject % 3 else "train") for subject in timelines.subject_ids.tolist()[:60]}
    seen = []
    original = learner.Passes.__init__

    def spy(passes, material, work):
        seen.append([set(timelines.subject_ids[part.subject]) for part in (material.training, material.tuning)])
        original(passes, material, work)

    monkeypatch.setattr(learner.Passes, "__init__", spy)
    run(tmp_path, small, split=split)
    for training, tuning in seen:
        assert training <= {subject for subject, name in split.items() if name == "train"}
        assert tuning <= {subject for subject, name in split.items() if name == "tuning"}


def test_only_training_subjects_are_learnt_from_and_held_out_ones_are_not_read(tmp_path, small, monkeypatch):
    seen = {"train": set(), "tuning": set()}
    original = learner.Passes.__init__

    def spy(passes, material, work):
        for split, documents in (("train", material.training), ("tuning", material.tuning)):
            seen[split] |= set(material.reader.timelines.subject_ids[documents.subject].tolist())
        original(passes, material, work)

    monkeypatch.setattr(learner.Passes, "__init__", spy)
    run(tmp_path, small)
    for split, subjects in seen.items():
        assert subjects
        assert set(splits(sorted(subjects))) == {split}


@pytest.mark.parametrize("stage", ["pre-training", "fine-tuning"])
def test_an_interrupted_training_goes_on_and_ends_with_a_finished_model(tmp_path, small, stage):
    def interrupt(what, _done, _total):
        if what.startswith(f"{stage}: pass 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, small, progress=interrupt)
    with pytest.raises(ModelError, match="no finished model m"):
        find_model(tmp_path, "m")

    reports = []
    checkpoint = run(tmp_path, small, progress=lambda what, *_: reports.append(what))
    assert checkpoint.version == 1
    assert reports
    assert not any(what.startswith(f"{stage}: pass 1") for what in reports)
    assert load_model(find_model(tmp_path, "m")).task == TASK
    assert sorted(path.name for path in (tmp_path / "m" / "1").iterdir()) == ["model.json", "weights.pt"]


def test_an_interrupted_training_is_not_mixed_with_other_settings(tmp_path, small):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, small, progress=interrupt)
    with pytest.raises(ModelError, match="begun with other learning rate"):
        run(tmp_path, small, "learning_rate=0.1")


def test_the_same_seed_gives_the_same_model(tmp_path, small):
    timelines, rows = small
    first, second = (run(tmp_path / name, small) for name in ("first", "second"))
    assert predict(first, timelines, rows).equals(predict(second, timelines, rows))


def test_nothing_after_the_time_named_is_learnt_from(tmp_path, small):
    timelines, rows = small
    until = START + timedelta(days=30)
    rows = rows.with_columns(prediction_time=START + pl.duration(days=pl.col("subject_id") % 40))
    known = timelines.times <= np.datetime64(until, "us")
    changed = replace(timelines, tokens=np.where(known | np.isnat(timelines.times), timelines.tokens, 1))
    assert (changed.tokens != timelines.tokens).sum() > 50
    flipped = rows.with_columns(boolean_value=pl.col("boolean_value") ^ (pl.col("prediction_time") > until))
    one = run(tmp_path / "one", (timelines, rows), until=until)
    other = run(tmp_path / "other", (changed, flipped), until=until)
    kept = zip(one.classifier.parameters(), other.classifier.parameters(), strict=True)
    assert all(left.equal(right) for left, right in kept)
    assert one.data_hash == other.data_hash
    read = load_model(find_model(tmp_path / "one", "m"))
    assert read.until == until
    assert one.report["fine_tuning"]["rows"] < run(tmp_path / "all", (timelines, rows)).report["fine_tuning"]["rows"]


def test_a_decoder_that_has_seen_later_times_is_no_base(tmp_path, small):
    of_all_times = run(tmp_path, small, target=None)
    assert of_all_times.until is None
    early = run(tmp_path, small, target=None, until=START + timedelta(days=20))
    day = START + timedelta(days=30)
    with pytest.raises(ModelError, match="has learnt from events of all times"):
        run(tmp_path, small, target=None, base=of_all_times, until=day)
    with pytest.raises(ModelError, match="has learnt from events up to 2150-01-21"):
        run(tmp_path, small, target=None, base=early, until=START + timedelta(days=10))
    assert run(tmp_path, small, target=None, base=early, until=day).until == day
    with pytest.raises(ModelError, match="name a later time"):
        run(tmp_path / "never", small, target=None, until=START - timedelta(days=1))


def test_two_processes_share_the_batches_and_hand_back_one_model(tmp_path, small):
    timelines, rows = small
    alone = run(tmp_path / "alone", small, "tokens_per_step=48")
    together = run(tmp_path / "together", small, "tokens_per_step=48", "devices=2", "strategy=ddp_fork")
    stages = ("pre_training", "fine_tuning")
    assert [len(together.report[stage]["curve"]) for stage in stages] == [2, 2]
    assert together.report["pre_training"]["tuning_loss"] == pytest.approx(
        alone.report["pre_training"]["tuning_loss"], abs=0.3
    )
    read = load_model(find_model(tmp_path / "together", "m"))
    assert predict(read, timelines, rows).equals(predict(together, timelines, rows))
    assert not predict(alone, timelines, rows).equals(predict(together, timelines, rows))


def test_a_second_training_is_a_new_version_and_both_are_listed(tmp_path, small):
    run(tmp_path, small, target=None)
    base = load_model(find_model(tmp_path, "m"))
    again = run(tmp_path, small, base=base)
    assert [(model.name, model.version, model.task) for model in list_models(tmp_path)] == [
        ("m", 1, None),
        ("m", 2, "planted"),
    ]
    kept = zip(base.decoder.parameters(), again.decoder.parameters(), strict=True)
    assert all(left.equal(right) for left, right in kept)


def test_a_model_of_another_version_is_named_and_hides_no_other(tmp_path, small):
    run(tmp_path, small, target=None)
    (tmp_path / "old" / "1").mkdir(parents=True)
    (tmp_path / "old" / "1" / "model.json").write_text('{"format": 1, "model": "old"}')
    assert [model.name for model in list_models(tmp_path)] == ["m"]
    assert list(unreadable_models(tmp_path)) == ["old/1"]
    assert "another version" in unreadable_models(tmp_path)["old/1"]


def test_a_frozen_decoder_is_left_as_it_was(tmp_path, small):
    checkpoint = run(tmp_path, small, "frozen=true")
    pairs = zip(checkpoint.decoder.parameters(), checkpoint.classifier.decoder.parameters(), strict=True)
    assert all(left.equal(right) for left, right in pairs)


def test_training_prints_nothing_and_logs_nothing(tmp_path, small, capfd, caplog, recwarn):
    with caplog.at_level(logging.INFO):
        run(tmp_path, small)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert not [str(warning.message) for warning in recwarn]


def test_another_vocabulary_is_refused_by_both_names(tmp_path, small):
    run(tmp_path, small)
    other = make_vocabulary(codes=("A", "Z"))
    with pytest.raises(VocabularyError, match=f"{VOCABULARY.hash[:12]}.*{other.hash[:12]}"):
        load_model(find_model(tmp_path, "m"), other)


def test_an_unknown_model_is_refused_with_those_that_exist(tmp_path, small):
    with pytest.raises(ModelError, match="there is none yet"):
        find_model(tmp_path, "m")
    run(tmp_path, small)
    with pytest.raises(ModelError, match=r"no finished model other .* there are m \(version 1\)"):
        find_model(tmp_path, "other")
    with pytest.raises(ModelError, match="cannot be called"):
        find_model(tmp_path, "../m")


def test_damaged_weights_are_refused(tmp_path, small):
    run(tmp_path, small)
    (tmp_path / "m" / "1" / "weights.pt").write_bytes(b"something else")
    with pytest.raises(ModelError, match="damaged"):
        load_model(find_model(tmp_path, "m"))


def test_a_task_with_one_outcome_cannot_be_learnt(tmp_path, small):
    timelines, rows = small
    with pytest.raises(ModelError, match="one outcome only"):
        train(
            tmp_path,
            "m",
            timelines,
            VOCABULARY,
            tiny_settings(*QUICK),
            target=Labelled(TASK, rows.filter("boolean_value")),
        )


def test_an_unknown_setting_is_refused_with_the_valid_ones(tmp_path):
    with pytest.raises(ModelError, match=r"no setting 'widht'; the settings are .*width"):
        read_settings(None, ["widht=3"])
    file = tmp_path / "settings.yaml"
    file.write_text("architecture: {width: 64}\nlearning_rate: 1e-4\n")
    settings = read_settings(file, ["heads=2"])
    assert (settings.architecture.width, settings.architecture.heads) == (64, 2)
    assert settings.optimisation.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("width=many", "type int"),
        ("width=30", "multiple of"),
        ("dropout=1.5", r"\[0, 1\)"),
        ("pre_averaging=1", r"\[0, 1\)"),
        ("width", "key=value"),
    ],
)
def test_wrong_settings_are_refused(assignment, message):
    with pytest.raises(ModelError, match=message):
        read_settings(None, [assignment])
