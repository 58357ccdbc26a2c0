"""Steering holds its promises: yours is exact, locks hold, judgements move proposals the right way, 0 uses nothing learned."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from engines.api import Brief, EngineInfo, Knobs, option
from studio.events import ROLES, Believed, Forgot, Judged, Judgement, Made, Proposed, Undone, Variant
from studio.state import fold
from studio.steering import Evidence, evidence, learned, preference, propose
from studio.steering.evidence import Statement
from studio.steering.preference import fit


@dataclass(frozen=True)
class Options:
    strength: float = option(0.5, low=0, high=1, step=0.01, knob=True)
    warmth: float = option(0.0, low=-2, high=2, step=0.1, knob=True)


INFO = EngineInfo(
    name="steered",
    mode="style",
    version="1",
    summary="Knobs only: nothing is ever painted.",
    options=Options,
    styles=("ink", "oil", "clay", "silk"),
)
BRIEF = Brief(mode="style", engine="steered", styles={"ink": 0.5, "oil": 0.5}, seed=3)


class Play:
    """Rounds and judgements as events, without any engine."""

    def __init__(self):
        self.events = {}
        self.round = -1

    def add(self, event):
        number = len(self.events)
        self.events[number] = event
        return number

    def show(self, brief=BRIEF):
        brief = INFO.check(brief)
        proposals = propose(INFO, brief, self.evidence())
        self.round += 1
        self.add(Proposed(round=self.round, parent=fold(self.events).head, brief=brief, proposals=proposals))
        for index, made in enumerate(proposals):
            self.add(
                Made(
                    round=self.round,
                    variant=Variant(
                        index=index,
                        sha256="0" * 64,
                        role=made.role,
                        reason=made.reason,
                        knobs=made.knobs,
                        seed=made.seed,
                        seconds=0,
                    ),
                )
            )
        return proposals

    def judge(self, **said):
        return self.add(Judged(round=self.round, judgement=Judgement(**said)))

    def evidence(self):
        return evidence(fold(self.events), {"steered": INFO})


def value(knobs: Knobs, name: str) -> float:
    return float(knobs.get(name, 0.0))


def play(wish, rounds=6, brief=BRIEF):
    """An artist who ranks by `wish`, a function of the knobs."""
    game = Play()
    for _ in range(rounds):
        shown = game.show(brief)
        order = sorted(range(len(shown)), key=lambda index: -wish(shown[index].knobs))
        game.judge(ranking=order)
    return game


def test_roles_come_in_order_and_yours_is_exact():
    proposals = propose(INFO, BRIEF, Evidence())
    assert [each.role for each in proposals] == list(ROLES)
    assert proposals[0].knobs == {"strength": 0.5, "warmth": 0.0, "style:ink": 0.5, "style:oil": 0.5}


@pytest.mark.parametrize("variants", [1, 2, 3, 4])
def test_fewer_variants_fill_the_roles_in_order(variants):
    proposals = propose(INFO, replace(BRIEF, variants=variants), Evidence())
    assert [each.role for each in proposals] == list(ROLES[:variants])


@pytest.mark.parametrize("seed", range(8))
def test_weights_sum_to_one_and_knobs_keep_their_bounds(seed):
    game = play(lambda knobs: value(knobs, "style:ink"), rounds=3, brief=replace(BRIEF, seed=seed))
    for proposal in propose(INFO, replace(BRIEF, seed=seed), game.evidence()):
        weights = [value for name, value in proposal.knobs.items() if name.startswith("style:")]
        assert sum(weights) == pytest.approx(1.0)
        assert min(weights) >= 0
        assert 0 <= proposal.knobs["strength"] <= 1
        assert -2 <= proposal.knobs["warmth"] <= 2


def test_locked_knobs_never_move():
    brief = replace(BRIEF, locks=("strength", "style:ink"), styles={"ink": 0.25, "oil": 0.5, "clay": 0.25})
    game = play(lambda knobs: value(knobs, "strength") + value(knobs, "style:ink"), brief=brief)
    for seed in range(10):
        for proposal in propose(INFO, replace(brief, seed=seed), game.evidence()):
            assert proposal.knobs["strength"] == 0.5
            assert proposal.knobs["style:ink"] == 0.25
            assert sum(v for k, v in proposal.knobs.items() if k.startswith("style:")) == pytest.approx(1.0)


def test_everything_locked_makes_one_variant_and_says_why():
    brief = replace(BRIEF, locks=("strength", "warmth", "style:ink", "style:oil"))
    proposals = propose(INFO, brief, Evidence())
    assert len(proposals) == 1
    assert "locked" in str(proposals[0].reason[0])


@pytest.mark.parametrize(
    "wish",
    [
        lambda knobs: value(knobs, "strength"),
        lambda knobs: -value(knobs, "strength"),
        lambda knobs: value(knobs, "warmth"),
        lambda knobs: value(knobs, "style:oil") - value(knobs, "style:ink"),
    ],
    ids=["stronger", "weaker", "warmer", "more oil"],
)
def test_rankings_move_best_towards_the_wish(wish):
    game = play(wish)
    best = propose(INFO, BRIEF, game.evidence())[1]
    first = propose(INFO, BRIEF, Evidence())[0]
    assert wish(best.knobs) > wish(first.knobs)


@pytest.mark.parametrize("kind", ["like", "pick", "dislike"])
def test_each_kind_of_judgement_moves_best(kind):
    game = Play()
    for _ in range(6):
        shown = game.show()
        order = sorted(range(4), key=lambda index: -value(shown[index].knobs, "strength"))
        game.judge(**{"like": {"like": order[:1]}, "pick": {"pick": order[0]}, "dislike": {"dislike": order[2:]}}[kind])
    best = propose(INFO, BRIEF, game.evidence())[1]
    assert value(best.knobs, "strength") > 0.5


@pytest.mark.parametrize("seed", range(6))
def test_one_judgement_is_no_reason_to_leap(seed):
    """What one round says points somewhere; best goes a step there, not to the end of every knob, and twist stays near it."""
    brief, game = replace(BRIEF, seed=seed), Play()
    game.show(brief)
    game.judge(pick=2, like=[3], dislike=[0])
    yours, best, twist, _ = (
        INFO.space(brief).encode(each.knobs) for each in propose(INFO, replace(brief, seed=seed + 50), game.evidence())
    )
    assert np.abs(best - yours).max() <= 0.35
    assert np.abs(twist - best).max() <= 0.4


def test_none_of_these_moves_away_from_what_was_shown():
    game = Play()
    shown = game.show()
    game.judge(none=True)
    found = game.evidence()
    assert {said.better for said in found.statements} == {None}
    assert {said.worse for said in found.statements} == {0, 1, 2, 3}
    again = propose(INFO, BRIEF, found)
    assert all(each.knobs != old.knobs for each, old in zip(again[1:], shown[1:], strict=True))


def test_an_edit_by_hand_is_a_statement_about_that_knob():
    game = Play()
    game.show()
    game.judge(edit={"strength": 0.95})
    said = game.evidence().statements[-1]
    points = game.evidence().points
    assert points[said.better]["strength"] == pytest.approx(0.95)
    assert points[said.worse]["strength"] == pytest.approx(0.5)


def test_steering_zero_uses_nothing_that_was_learned():
    game = play(lambda knobs: value(knobs, "strength"))
    off = replace(BRIEF, steering=0.0)
    assert [each.knobs for each in propose(INFO, off, game.evidence())] == [
        each.knobs for each in propose(INFO, BRIEF, Evidence())
    ]


def test_same_events_same_proposals():
    game = play(lambda knobs: value(knobs, "warmth"), rounds=3)
    assert propose(INFO, BRIEF, game.evidence()) == propose(INFO, BRIEF, game.evidence())


def test_forgetting_a_judgement_undoes_it():
    game = play(lambda knobs: value(knobs, "warmth"), rounds=2)
    before = propose(INFO, BRIEF, game.evidence())
    worst = fold(game.events).rounds[1].verdict.ranking[-1][0]  # what the ranking does not say already
    said = game.judge(pick=worst)
    assert propose(INFO, BRIEF, game.evidence()) != before
    game.add(Undone(event=said))
    assert propose(INFO, BRIEF, game.evidence()) == before
    again = game.judge(pick=worst)
    game.judge(retract=again)
    assert propose(INFO, BRIEF, game.evidence()) == before


def test_forgetting_everything_teaches_nothing_and_can_be_undone():
    game = play(lambda knobs: value(knobs, "strength"), rounds=3)
    before = propose(INFO, BRIEF, game.evidence())
    number = game.add(Forgot())
    assert not game.evidence()
    assert propose(INFO, BRIEF, game.evidence()) == propose(INFO, BRIEF, Evidence())
    game.show()
    game.judge(pick=1)
    assert {said.round for said in game.evidence().statements} == {game.round}
    game.add(Undone(event=len(game.events) - 1))
    game.add(Undone(event=number))
    assert propose(INFO, BRIEF, game.evidence()) == before


def test_what_is_said_after_forgetting_counts_in_full_of_an_old_round_too():
    fresh, again = Play(), Play()
    for game in (fresh, again):
        game.show()
    again.judge(pick=1, like=[2])
    again.add(Forgot())
    for game in (fresh, again):
        game.judge(ranking=[3, 0, 2, 1])
        game.judge(like=[3])

    def said(game):
        return {(each.better, each.worse, each.weight) for each in game.evidence().statements}

    assert said(again) == said(fresh)
    assert len(said(again)) > 6


def test_variants_keep_their_distance():
    game = play(lambda knobs: value(knobs, "strength"), rounds=8)
    space = INFO.space(BRIEF)
    points = np.array([space.encode(each.knobs) for each in propose(INFO, BRIEF, game.evidence())])
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).mean(-1))[np.triu_indices(4, 1)]
    assert gaps.min() >= 0.05


def test_surprise_brings_in_styles_that_are_not_in_the_mix():
    seen = {
        name
        for seed in range(12)
        for name in propose(INFO, replace(BRIEF, seed=seed), Evidence())[3].knobs
        if name.startswith("style:")
    }
    assert seen == {"style:ink", "style:oil", "style:clay", "style:silk"}


def test_a_single_style_can_still_be_varied():
    proposals = propose(INFO, replace(BRIEF, styles={"ink": 1.0}), Evidence())
    assert len({tuple(sorted(each.knobs.items())) for each in proposals}) == 4


def test_reasons_name_what_changed_and_the_judgement_behind_it():
    game = play(lambda knobs: value(knobs, "strength"), rounds=3)
    best = propose(INFO, BRIEF, game.evidence())[1]
    sentences = [words.template for words in best.reason]
    assert sentences[0] == "What I believe you like most."
    named = [name for words in best.reason for name in words.values.get("more", [])]
    assert "strength" in named
    assert "In round {round} you put {liked} over {other}." in sentences


def test_learned_shows_value_confidence_and_weight():
    game = play(lambda knobs: value(knobs, "strength"), rounds=5)
    found = learned(INFO, BRIEF, game.evidence())
    rows = {row["name"]: row for row in found["knobs"]}
    assert found["judgements"] == 5
    assert rows["strength"]["value"] > 0.5
    assert rows["strength"]["weight"] > rows["warmth"]["weight"]
    assert 0 <= rows["strength"]["range"][0] < rows["strength"]["value"] <= rows["strength"]["range"][1] <= 1
    assert rows["strength"]["curve"][-1] > rows["strength"]["curve"][0]
    assert all(0 <= row["confidence"] <= 1 and 0 <= row["weight"] <= 1 for row in rows.values())
    assert learned(INFO, BRIEF, Evidence()) == {"judgements": 0, "knobs": []}


def test_contradictions_do_not_break_the_fit():
    game = Play()
    for turn in range(6):
        game.show()
        game.judge(ranking=[0, 1, 2, 3] if turn % 2 else [3, 2, 1, 0])
    for proposal in propose(INFO, BRIEF, game.evidence()):
        assert all(np.isfinite(float(value)) for value in proposal.knobs.values())


def test_contradictory_judgements_make_every_taste_less_sure():
    def edge(wish):
        known = play(wish, rounds=6).evidence()
        return fit(known, known.varied).edge

    turns = iter(range(1000))
    assert edge(lambda _: float(next(turns) * 7919 % 101)) < edge(lambda knobs: value(knobs, "strength"))


def test_the_fit_climbs_along_the_gradient_of_its_likelihood():
    rng, dim, rounds, features = np.random.default_rng(0), 4, 2, 3
    latent = rng.standard_normal((3, 2 * dim + 1 + rounds + features))
    contrast, barred = np.zeros((7, 9)), np.zeros((7, rounds))
    for at in range(5):
        contrast[at, at], contrast[at, at + 2] = 1, -1
    contrast[5, 0], barred[5, 0], contrast[6, 3], barred[6, 1] = 1, -1, -1, 1
    said = preference._Said(
        rng.random((9, dim)), rng.standard_normal((9, features)), contrast, barred, rng.exponential(size=(3, 7))
    )
    prior = preference.Prior(np.array([0.5, 0.5, 0.2, 0.9]), np.array([0.7, 0.7, 0.05, 0.7]))

    def likelihood(latent):
        return (said.weights * preference.log_ndtr(preference._contrasts(latent, prior, said)[0])).sum(1)

    slope = preference._gradient(latent, prior, said)
    for at in range(latent.shape[1]):
        step = np.zeros_like(latent)
        step[:, at] = 1e-6
        rise = (likelihood(latent + step) - likelihood(latent - step)) / 2e-6
        assert slope[:, at] == pytest.approx(rise, rel=1e-4, abs=1e-4)


def test_what_the_looks_explain_is_not_taken_for_carelessness():
    """An artist who judges by something that no knob moves seems to contradict themselves, until the results' features are known."""
    rng = np.random.default_rng(5)
    points, looks = rng.random((40, 3)), rng.standard_normal((40, 4))
    names = ["a", "b", "c"]
    said = []
    for at in range(0, 40, 4):
        order = sorted(range(at, at + 4), key=lambda index: -looks[index, 0])
        said += [
            Statement(better, worse, 1.0, at // 4, at)
            for place, better in enumerate(order)
            for worse in order[place + 1 :]
        ]
    known = Evidence([dict(zip(names, point, strict=True)) for point in points.tolist()], [None] * 40, said)
    seen = replace(known, features=dict(enumerate(looks.tolist())))
    assert fit(seen, names).edge > 1.3 * fit(known, names).edge


def test_a_belief_holds_at_first_and_gives_way_to_what_is_judged_later():
    """The artist says 0.2 and goes on to pick what is near 0.8: taste may change."""
    game = Play()
    game.show()
    game.judge(pick=1)
    game.add(Believed(engine="steered", knob="strength", value=0.2))

    def believed():
        return next(row["value"] for row in learned(INFO, BRIEF, game.evidence())["knobs"] if row["name"] == "strength")

    assert believed() == pytest.approx(0.2, abs=0.05)
    for _ in range(10):
        shown = game.show()
        game.judge(pick=min(range(4), key=lambda index: abs(value(shown[index].knobs, "strength") - 0.8)))
    assert believed() > 0.5
