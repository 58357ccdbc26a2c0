"""What events add up to: who is chosen, where the next round hangs, what the next `yours` is, and what undo takes back."""

from __future__ import annotations

import numpy as np
import pytest

from engines.api import Brief
from studio.events import (
    AnyEvent,
    Branched,
    Ended,
    Judged,
    Judgement,
    Made,
    Place,
    Proposal,
    Proposed,
    Starred,
    Undone,
    Variant,
)
from studio.state import State, fold
from studio.view import continued, next_brief

BRIEF = Brief(engine="fake", styles={"ember": 0.7, "tide": 0.3}, options={"grain": 0.2}, seed=5)


def knobs_of(index: int) -> dict[str, float | str]:
    return {"strength": 0.1 * index, "grain": 0.2, "style:ember": 0.7 - 0.1 * index, "style:tide": 0.3 + 0.1 * index}


class Story:
    """Events as a session would log them."""

    def __init__(self) -> None:
        self.events: dict[int, AnyEvent] = {}
        self.rounds = 0

    def add(self, event: AnyEvent) -> int:
        self.events[len(self.events)] = event
        return len(self.events) - 1

    @property
    def state(self) -> State:
        return fold(self.events)

    def round(self, brief: Brief = BRIEF) -> int:
        number = self.rounds
        self.rounds += 1
        shown = [Proposal(role="yours", knobs=knobs_of(at), seed=brief.seed + at, reason=[]) for at in range(4)]
        self.add(Proposed(round=number, parent=self.state.head, brief=brief, proposals=shown))
        for at, each in enumerate(shown):
            made = Variant(
                index=at, sha256="0" * 64, role="yours", reason=[], knobs=each.knobs, seed=each.seed, seconds=0
            )
            self.add(Made(round=number, variant=made))
        self.add(Ended(round=number, status="done"))
        return number

    def judge(self, round: int, **said) -> int:
        return self.add(Judged(round=round, judgement=Judgement(**said)))

    @property
    def head(self) -> tuple[int, int] | None:
        head = self.state.head
        return (head.round, head.variant) if head else None

    @property
    def next(self) -> Brief | None:
        return next_brief(self.state)


@pytest.fixture
def story() -> Story:
    return Story()


def chosen(index: int) -> Brief:
    """The brief whose `yours` is this variant."""
    brief = Brief(engine="fake", seed=5 + index)
    return brief.apply(knobs_of(index))


# ── What comes next ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_comes_after_nothing(story):
    assert story.next is None
    assert story.state.last_act is None


def test_without_a_choice_the_same_comes_again(story):
    story.round()
    assert story.next == BRIEF
    story.judge(0, like=[1], note="nice")
    story.judge(0, none=True)
    assert story.next == BRIEF
    assert story.head is None


@pytest.mark.parametrize("said", [{"pick": 2}, {"ranking": [2, 0, [1, 3]]}, {"ranking": [[2, 3], 0]}])
def test_a_choice_is_the_next_yours_with_its_seed(story, said):
    story.round()
    story.judge(0, **said)
    assert story.head == (0, 2)
    assert story.next == chosen(2)


def test_what_is_disliked_is_never_the_next_yours(story):
    story.round()
    story.judge(0, ranking=[2, 0, 1])
    story.judge(0, dislike=[2])
    assert story.head == (0, 0)
    assert story.next == chosen(0)
    story.judge(0, dislike=[0, 1])
    assert story.head is None
    assert story.next == BRIEF
    story.judge(0, like=[1])
    assert story.head == (0, 1)


def test_a_dislike_in_an_old_round_does_not_move_a_later_choice(story):
    story.round()
    story.judge(0, ranking=[2, 0, 1])
    story.round()
    story.judge(1, pick=3)
    story.judge(0, dislike=[2])
    assert story.head == (1, 3)


def test_a_brief_that_was_changed_since_the_choice_is_what_comes_next(story):
    story.round()
    story.judge(0, pick=2)
    changed = Brief(engine="fake", styles={"moss": 1.0}, seed=99)
    story.round(changed)
    assert story.head == (0, 2)
    assert story.next == changed
    story.judge(1, none=True)
    assert story.next == changed


def test_a_branch_back_is_a_choice_even_of_the_same_place(story):
    story.round()
    story.judge(0, pick=2)
    story.round(Brief(engine="fake", styles={"moss": 1.0}))
    story.add(Branched(place=Place(round=0, variant=2)))
    assert story.next == chosen(2)


def test_a_knob_set_by_hand_counts_with_and_without_a_choice(story):
    story.round()
    story.judge(0, edit={"strength": 0.95})
    assert story.next.options["strength"] == 0.95
    assert story.next.styles == BRIEF.styles
    story.judge(0, pick=3)
    assert story.next.options["strength"] == 0.95
    assert story.next.styles == chosen(3).styles


def test_a_word_on_an_old_round_does_not_move_the_head(story):
    story.round()
    story.judge(0, pick=2)
    story.round()
    story.judge(1, pick=1)
    story.judge(0, like=[3], note="I still like this")
    story.add(Starred(place=Place(round=0, variant=3)))
    assert story.head == (1, 1)
    story.judge(0, pick=0)
    assert story.head == (0, 0)


@pytest.mark.parametrize("said", [{"none": True}, {"dislike": [2]}])
def test_a_choice_can_be_withdrawn_in_words(story, said):
    story.round()
    story.judge(0, pick=1)
    story.round()
    story.judge(1, pick=2)
    story.judge(1, **said)
    assert story.state.rounds[1].verdict.chosen is None
    assert story.head == (0, 1)
    assert story.next == BRIEF


def test_later_words_win(story):
    story.round()
    story.judge(0, pick=2, like=[1])
    story.judge(0, ranking=[3, 2, 1, 0])
    assert story.head == (0, 3)
    story.judge(0, dislike=[1])
    verdict = story.state.rounds[0].verdict
    assert (verdict.likes, verdict.dislikes) == (set(), {1})
    story.judge(0, none=True)
    assert story.state.rounds[0].verdict.none
    story.judge(0, like=[0])
    assert not story.state.rounds[0].verdict.none


def test_a_style_that_the_choice_left_out_leaves_the_mix_unless_it_was_asked_for(story):
    story.round()
    event = next(number for number, event in story.events.items() if isinstance(event, Made))
    knobs = {"style:ember": 1.0, "style:tide": 0.0, "style:moss": 0.0}
    made = story.events[event]
    story.events[event] = made.model_copy(update={"variant": made.variant.model_copy(update={"knobs": knobs})})
    story.judge(0, pick=0)
    assert story.next.styles == {"ember": 1.0, "tide": 0.0}


# ── A brief that is sent again ───────────────────────────────────────────────────────────────────────────────────────


def test_one_brief_sent_again_and_again_keeps_continuing(story):
    sent = BRIEF
    for turn, pick in enumerate((2, 0, 3, 1)):
        brief = continued(story.state, sent)
        assert brief == (sent if turn == 0 else story.next)
        story.round(brief)
        story.judge(turn, pick=pick)
    assert continued(story.state, sent) == story.next != sent


def test_another_brief_is_taken_at_its_word(story):
    story.round()
    story.judge(0, pick=2)
    other = Brief(engine="fake", styles={"moss": 1.0})
    assert continued(story.state, other) == other
    story.round(other)
    story.judge(1, pick=1)
    assert continued(story.state, BRIEF) == BRIEF  # a way back that was said aloud
    assert continued(story.state, other) == story.next


# ── Taking back ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_retraction_counts_until_it_is_taken_back_itself(story):
    story.round()
    first = story.judge(0, pick=2)
    back = story.judge(0, retract=first)
    assert story.head is None
    assert story.next == BRIEF
    again = story.judge(0, retract=back)
    assert story.head == (0, 2)
    story.add(Undone(event=again))
    assert story.head is None


def test_undo_takes_back_the_newest_act_that_holds(story):
    story.round()
    pick = story.judge(0, pick=2)
    star = story.add(Starred(place=Place(round=0, variant=1)))
    assert story.state.last_act == star
    story.add(Undone(event=star))
    assert story.state.rounds[0].stars == set()
    assert story.state.last_act == pick
    story.add(Undone(event=pick))
    story.add(Undone(event=story.state.last_act))
    assert story.state.rounds == {}
    assert story.state.next_round == 1


@pytest.mark.parametrize("seed", range(12))
def test_undoing_everything_gives_every_state_back_in_turn(story, seed):
    """A property: after any acts, each undo restores the very state before the act it takes back."""
    rng = np.random.default_rng(seed)
    before: list[State] = []
    for _ in range(14):
        state = story.state
        before.append(state)
        if not state.rounds or rng.random() < 0.3:
            story.round(BRIEF if rng.random() < 0.5 else (story.next or BRIEF))
            continue
        number, variant = int(rng.choice(list(state.rounds))), int(rng.integers(4))
        match rng.integers(6):
            case 0:
                story.judge(number, pick=variant)
            case 1:
                story.judge(number, ranking=rng.permutation(4).tolist(), note="n")
            case 2:
                story.judge(number, none=True)
            case 3:
                story.judge(number, dislike=[variant], edit={"strength": float(rng.random())})
            case 4:
                story.add(Branched(place=Place(round=number, variant=variant)))
            case 5:
                held = state.rounds[number].judgements
                story.judge(number, **({"retract": int(rng.choice(list(held)))} if held else {"like": [variant]}))
    for state in reversed(before):
        story.add(Undone(event=story.state.last_act))
        now = story.state
        aside = {"next_round": 0, "undone": []}
        assert now.model_copy(update=aside) == state.model_copy(update=aside)
        assert next_brief(now) == next_brief(state)
