"""The signs from which confidence is learnt."""

from sql.text.linking import LinkIndex, features, link


def test_a_question_that_links_well_has_no_doubtful_signs(index: LinkIndex) -> None:
    found = features(link("the last sodium of patient 7 in 2100", index))
    assert {sign: found[sign] for sign in ("slots", "names", "score", "margin", "exact")} == {
        "slots": 3, "names": 2, "score": 1, "margin": 1, "exact": 2,
    }  # fmt: skip
    doubtful = ("partial", "corrected", "unknown", "open_kinds", "without_records", "unlinked_words", "unknown_words")
    assert all(found[sign] == 0 for sign in doubtful)


def test_each_doubt_has_its_sign(index: LinkIndex) -> None:
    found = features(
        link("albumni of patient 54894 with brain scan, cholera due to vibrio cholerae, a chest tube", index)
    )
    assert found["corrected"] == found["unknown"] == found["without_records"] == 1
    assert found["unlinked_words"] == found["unknown_words"] == 1
    assert found["margin"] == 0
    assert found["score"] <= 0.5


def test_questions_without_names_have_the_same_signs(index: LinkIndex) -> None:
    empty = features(link("how many are there", index))
    assert list(empty) == list(features(link("the sodium of patient 7", index)))
    assert empty["score"] == empty["margin"] == 1
