"""Every sentence of README.md that claims something names the command or the test that holds it."""

import pytest

from tools.claims import README, Evidence, claims, evidence_of, is_missing, main, sentences

SENTENCES = [*sentences(README.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.text[:30])
def test_a_sentence_has_a_command_or_a_test_or_claims_nothing(sentence):
    evidence = evidence_of(sentence, claims())
    assert evidence is not None, f"README.md:{sentence.line}: nothing in tools/claims.toml holds: {sentence.text}"
    assert not is_missing(evidence), f"README.md:{sentence.line}: {evidence.text} is not there"


def test_what_is_listed_stands_on_the_page_once():
    for begins in claims():
        said = [sentence for sentence in SENTENCES if sentence.text.startswith(begins) and not sentence.measured]
        assert len(said) == 1, f"tools/claims.toml: {begins!r} begins {len(said)} sentences of README.md"


def test_a_sentence_without_evidence_and_evidence_that_is_gone_are_seen(capsys):
    table, code = "| a | b |\n| --- | --- |\n- an item\n", "```python\nCode.\n```\n"
    page = f"A box is fast. It is\n`small`.\n\n{table}\n{code}<!-- measured: it -->\nSo."
    found = [*sentences(page)]
    assert [(one.line, one.text) for one in found] == [
        (1, "A box is fast."), (1, "It is `small`."), (4, "a b"), (6, "an item"), (12, "So."),
    ]  # fmt: skip
    assert evidence_of(found[0], claims()) is None
    assert evidence_of(found[-1], {}) == Evidence("command", "python -m benchmarks it")
    gone = [
        ("test", "tests/test_errors.py::gone"),
        ("test", "tests/gone.py"),
        ("command", "make gone"),
        ("command", "gone"),
    ]
    assert all(is_missing(Evidence(*one)) for one in gone)
    assert not is_missing(Evidence("command", "make docs"))
    assert main() == 0
    assert "README.md:4: Every operation" in capsys.readouterr().out
