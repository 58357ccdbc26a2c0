"""The notebook: whatever is done to it, the pieces add up to the text, and every word keeps its author."""

from __future__ import annotations

import random

import pytest

from studio.events import Piece, Place, Spliced
from studio.notebook import Document, Memory, Recalled, Span, anchor, diff, distance, replay, shifted, words

LETTERS = "ab c.\n你好😀é\u0000\u202e"
MACHINE, OTHER = Place(round=0, variant=1), Place(round=2, variant=3)


def some(rng: random.Random, most: int = 40) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(most)))


def authored(document: Document) -> list[tuple[str, object]]:
    """Every character with its author."""
    return [(letter, span.by) for span in document.spans for letter in span.text]


@pytest.fixture(params=range(5))
def rng(request):
    return random.Random(request.param)


# ── What changed ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pieces_turn_one_text_into_the_other(rng):
    for _ in range(400):
        old, new = some(rng), some(rng)
        pieces = diff(old, new)
        assert Document([Span(old, None)]).spliced(pieces, None).text == new
        Spliced(pieces=pieces or [Piece(at=0)])  # in order, and none over another


def test_nothing_changed_is_no_piece(rng):
    for _ in range(50):
        assert diff(text := some(rng), text) == []


def test_what_is_kept_keeps_its_author_and_what_is_new_is_its_writers(rng):
    for _ in range(200):
        document = Document([Span(some(rng), MACHINE), Span(some(rng), None), Span(some(rng), OTHER)])
        pieces = diff(document.text, some(rng))
        after, kept = authored(document.spliced(pieces, "given")), authored(document)
        for piece in reversed(pieces):
            kept[piece.at : piece.at + piece.cut] = [(letter, "given") for letter in piece.put]
        assert after == kept


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("The old man walked home.", "The young woman walked home.", "The  walked home."),
        ("The old man walked home.", "The old man walks home.", "The old man  home."),
        ("The old man walked home.", "The old man walked slowly home.", "The old man walked home."),
        ("The old man walked home.", "A girl ran.", "."),
        ("老人走回家了。", "年轻人走回家了。", "人走回家了。"),
        ("It rained. It rained. It rained.", "It rained. It snowed. It rained.", "It rained. It . It rained."),
    ],
)
def test_an_edit_goes_by_words_and_chinese_by_characters(old, new, kept):
    left = Document([Span(old, MACHINE)]).spliced(diff(old, new), None)
    assert "".join(span.text for span in left.spans if span.by == MACHINE) == kept


def test_a_name_that_changes_all_over_a_novel_changes_nothing_else():
    rng = random.Random(1)
    novel = "\n".join(
        " ".join(rng.choice(["Anna", "went", "to", "sea", "today"]) for _ in range(40)) for _ in range(2500)
    )
    renamed = Document([Span(novel, MACHINE)]).spliced(diff(novel, novel.replace("Anna", "Maria")), None)
    assert renamed.text == novel.replace("Anna", "Maria")
    assert {span.text for span in renamed.spans if span.by is None} <= {"Maria", "Maria Maria", "Maria\nMaria"} | {
        " ".join(["Maria"] * count) for count in range(1, 12)
    }


def test_words_add_up_to_the_text(rng):
    for _ in range(100):
        assert "".join(words(text := some(rng))) == text


def test_distance_goes_from_nothing_to_everything():
    assert distance("the sea", "the sea") == 0
    assert distance("aaaa", "bbbb") == 1
    assert 0 < distance("the grey sea", "the great sea") < distance("the grey sea", "a boat") <= 1
    assert distance("", "") == 0


# ── Replaying ────────────────────────────────────────────────────────────────────────────────────────────────────────


def history(rng: random.Random, count: int = 12) -> dict[int, Spliced | Recalled]:
    writing: dict[int, Spliced | Recalled] = {}
    for number in range(0, 2 * count, 2):
        text = replay(writing).text
        if rng.random() < 0.2 and writing:
            before = rng.choice(list(writing))
            at = rng.randint(0, len(replay(writing, before)))
            writing[number] = Recalled(before=before, at=at, put=some(rng), by=MACHINE)
        elif pieces := diff(text, some(rng)):
            writing[number] = Spliced(pieces=pieces, by=rng.choice([None, MACHINE, OTHER]))
    return writing


def test_a_document_that_grows_is_what_it_is_from_the_beginning(rng):
    for _ in range(20):
        writing, memory, seen = history(rng), Memory(), {}
        for number, act in writing.items():
            seen[number] = act
            assert memory.document(seen).spans == replay(seen).spans
        seen.popitem()  # undone
        assert memory.document(seen).spans == replay(seen).spans


def test_going_back_brings_back_what_stood_and_goes_on_from_there():
    writing = {
        0: Spliced(pieces=[Piece(at=0, put="One. ")]),
        3: Spliced(pieces=[Piece(at=5, put="Two.")], by=OTHER),
        5: Recalled(before=3, at=5, put="Three.", by=MACHINE),
    }
    assert replay(writing).spans == (Span("One. ", None), Span("Three.", MACHINE))
    assert replay(writing, 5).text == "One. Two."


def test_a_place_moves_with_the_text_around_it():
    pieces = [Piece(at=2, cut=3, put="x"), Piece(at=8, put="yyy")]
    assert [shifted(at, pieces) for at in (0, 2, 5, 8, 9)] == [0, 2, 3, 9, 10]
    assert shifted(8, pieces, after=False) == 6
    assert shifted(3, pieces) == 3  # inside of what was cut: after what took its place


def test_the_place_of_a_round_is_found_again_whatever_was_written_since(rng):
    for _ in range(60):
        writing = history(rng)
        for number in list(writing):
            length = len(replay(writing, number + 1))
            place = anchor(writing, number, length)
            assert 0 <= place <= max(len(replay(writing)), 0) or any(
                isinstance(act, Recalled) for later, act in writing.items() if later > number
            )


def test_words_typed_at_a_rounds_place_come_before_its_text():
    writing = {0: Spliced(pieces=[Piece(at=0, put="Once ")])}
    assert anchor(writing, 0, 5) == 5
    writing[4] = Spliced(pieces=[Piece(at=5, put="upon ")])
    assert anchor(writing, 0, 5) == 10
    writing[6] = Spliced(pieces=[Piece(at=0, cut=5)])
    assert anchor(writing, 0, 5) == 5


def test_a_place_from_before_a_way_back_is_where_it_was_then():
    writing = {
        0: Spliced(pieces=[Piece(at=0, put="abc")]),
        2: Spliced(pieces=[Piece(at=0, put="xx")]),
        4: Recalled(before=2, at=3, put="!", by=MACHINE),
    }
    assert anchor(writing, 0, 1) == 1  # what was put before it is gone again
    assert anchor(writing, 3, 2) == 4  # of a text that is gone: where one went on


def test_pieces_that_overlap_are_no_event():
    with pytest.raises(ValueError, match="overlap"):
        Spliced(pieces=[Piece(at=0, cut=4), Piece(at=3, put="x")])
