"""The simulated artists and the bench that they judge for: what they say follows from their wish, and episodes repeat."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
import torch

from engines import store
from engines.api import EngineInfo, option
from studio.bench import episodes, paintings
from studio.bench.episodes import POLICIES, SCENARIOS, Scenario, Store, digest, episode, spread
from studio.bench.paintings import Atelier
from studio.bench.policies import Ours, Random, cube, pairs, winner
from studio.bench.steering import beside_random, lead, ratio
from studio.bench.steering import rows as measured
from studio.events import Judgement
from studio.steering import artists
from studio.steering.artists import Artist, Drifting, Wish


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("make", [artists.single, artists.several])
def test_a_wish_is_highest_at_its_target_and_regret_is_in_gaps(make):
    wish = make(5, rng(1))
    points = rng(2).random((4000, 5))
    regrets = np.array([wish.regret(point) for point in points])
    assert wish.regret(wish.target) == 0
    assert regrets.min() > 0
    assert regrets.mean() == pytest.approx(1, abs=0.05)


def plain(noise=0.0, habit="ranks"):
    wish = Wish.of(lambda x: x.sum(1), np.ones(2), rng())
    return Artist(wish, noise, rng(3), habit)


def test_an_exact_artist_says_what_they_wish():
    points = np.array([[0.1, 0.1], [0.9, 0.9], [0.5, 0.5], [0.2, 0.2]])
    assert plain().judge(points).groups() == [[1], [2], [3], [0]]
    assert plain(habit="picks").judge(points).pick == 1
    said = plain(habit="likes").judge(points)
    assert (said.like, said.dislike) == ([1], [0])
    for habit in ("ranks", "picks", "likes"):
        plain(habit=habit).judge(points).check(4, [])


def test_noise_turns_close_judgements_and_leaves_clear_ones():
    def agree(points):
        artist = plain(noise=0.3)
        return np.mean([winner(artist.judge(points)) == 1 for _ in range(200)])

    clear = np.array([[0.1, 0.1], [0.9, 0.9], [0.2, 0.1], [0.1, 0.2]])
    close = np.array([[0.5, 0.5], [0.52, 0.5], [0.1, 0.1], [0.1, 0.1]])
    assert agree(clear) > 0.99
    assert 0.4 < agree(close) < 0.75


def test_a_drifting_artist_ends_elsewhere():
    artist = Drifting(4, 0.0, rng(1), rng(2), over=5)
    first = artist.wish.target
    for _ in range(8):
        artist.judge(rng(3).random((4, 4)))
    assert np.linalg.norm(artist.wish.target - first) > 0.1


def test_pairs_and_winners():
    assert pairs(Judgement(ranking=[2, 0, 3, 1])) == [(2, 0), (2, 3), (2, 1), (0, 3), (0, 1), (3, 1)]
    assert pairs(Judgement(pick=2)) == [(2, 0), (2, 1), (2, 3)]
    assert [
        winner(said) for said in (Judgement(ranking=[3, 0, 1, 2]), Judgement(like=[1, 2]), Judgement(none=True))
    ] == [3, 1, 0]


@pytest.mark.parametrize("name", ["ours", "unsteered", "random", "cmaes"])
def test_policies_show_four_points_of_the_cube_and_repeat(name):
    first, second = (episode(SCENARIOS["4d"], POLICIES[name], 3) for _ in range(2))
    assert first == second
    assert len(first.regret) == episodes.ROUNDS
    assert min(first.regret) >= 0
    assert min(first.diversity) > 0


def test_the_botorch_peer_plays(monkeypatch):
    pytest.importorskip("botorch")
    monkeypatch.setattr(episodes, "ROUNDS", 3)
    first, second = (episode(Scenario(2), POLICIES["eubo"], 1) for _ in range(2))
    assert first.regret == pytest.approx(second.regret, abs=1e-3)  # its sums are not always added in the same order
    assert len(first.regret) == 3


def test_a_peer_that_is_not_installed_and_models_that_are_not_here_are_said_to_be_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path))
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(episodes.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(episodes.os, "cpu_count", lambda: 1)
    rows = {each.name: each for each in islice(measured(2, lambda _: None), 18)}
    assert rows["regret.4d.vs_random"].value is not None
    assert rows["regret.4d.vs_eubo"].value is None
    assert "botorch" in rows["regret.4d.vs_eubo"].detail
    assert rows["regret.picture.vs_random"].value is None
    assert "studio models pull style-bank-26" in rows["regret.picture.vs_random"].detail


def test_ours_and_random_show_the_start_first():
    one, two = (policy(cube(rng(5).random(4)), rng(6)).ask()[0] for policy in (Ours, Random))
    assert one.tolist() == two.tolist()


def test_ours_learns_more_than_chance_in_a_few_episodes():
    ours, chance = (
        [episode(SCENARIOS["4d"], POLICIES[name], seed) for seed in range(8)] for name in ("ours", "random")
    )
    assert ratio("regret.4d.vs_random", ours, chance).value < 0.9


def test_lead_is_the_least_that_steering_gains():
    worse = episodes.Episode([], [], [0.5, 0.5, 0.5], [0.9, 0.9, 0.9], [])
    better = episodes.Episode([], [], [0.6, 0.2, 0.3], [0.9, 0.7, 0.8], [])
    assert lead("lead.round2", [better], [worse]).value == pytest.approx(0.1)
    assert lead("lead.round2", [worse], [better]).value == pytest.approx(-0.3)


def test_episodes_are_kept_and_a_torn_line_is_played_again(tmp_path, monkeypatch):
    monkeypatch.setattr(episodes.os, "cpu_count", lambda: 1)
    file = tmp_path / "bench" / "steering.jsonl"
    made = Store(file).episodes("4d", "random", 3)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], lines[2][:50]]) + "\n")
    monkeypatch.setattr(episodes, "_play", None)  # what is known is not played
    assert Store(file).episodes("4d", "random", 2) == made[:2]
    monkeypatch.undo()
    assert Store(file).episodes("4d", "random", 3) == made


def test_spread_is_the_mean_distance():
    assert spread(np.array([[0.0, 0.0], [1.0, 1.0]])) == 1.0


# ── A picture in mind ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ClothOptions:
    strength: float = option(0.8, low=0, high=1, step=0.1, knob=True)
    dye: str = option("plain", choices=("plain", "deep"), knob=True)


class Weaver:
    """Weaves the content into a mix of eight patterns, as fast as it can."""

    info = EngineInfo(
        name="weaver", mode="style", version="1", summary="", options=ClothOptions, styles=tuple("abcdefgh")
    )

    def __init__(self):
        self.woven = 0
        self._patterns = dict(zip(self.info.styles, rng(7).integers(0, 256, (8, 16, 20, 3)), strict=True))

    def preview(self, brief, settings, pictures, size):
        self.woven += len(settings)
        content, made = pictures(brief.content), []
        for setting in settings:
            asked = brief.apply(setting.knobs)
            mix = sum(share * self._patterns[name] for name, share in asked.styles.items())
            strength = asked.options["strength"]
            made.append(((1 - strength) * content + strength * mix).astype(np.uint8))
        return made


@pytest.fixture
def toy(eyes, monkeypatch):
    """A small atelier, where `episode` finds it."""
    made = Atelier(Weaver(), eyes, [rng(8).integers(0, 256, (16, 20, 3), dtype=np.uint8)])
    monkeypatch.setattr(paintings, "atelier", lambda: made)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # pictures this small only wait for a second thread
    yield made
    torch.set_num_threads(threads)


def test_a_wish_for_a_picture_is_none_at_it_and_regret_is_in_gaps(toy):
    ground, wish = toy.wish(rng(1), rng(2))
    points = ground.space.sample(rng(3), 200)
    regrets = np.array([wish.regret(point) for point in points])
    assert wish.regret(wish.target) == 0
    assert regrets.min() > 0
    assert regrets.mean() == pytest.approx(1, abs=0.15)
    near = wish.target + 0.1 * (points - wish.target)
    assert (wish.utility(near) > wish.utility(points)).mean() > 0.95
    assert wish.spread > 0
    before = toy.painter.woven
    assert wish.utility(points[:5]) == pytest.approx(-regrets[:5] * wish.gap)
    assert toy.painter.woven == before  # each mix is painted once


def test_only_six_weights_vary_and_a_seed_says_which(toy):
    (ground, wish), (again, same) = (toy.wish(rng(1), rng(2)) for _ in range(2))
    assert [knob.kind for knob in ground.space.knobs] == ["simplex"] * 6
    assert ground.space.fixed == {"strength": 0.8, "dye": "plain"}
    assert ground.info.styles == tuple(ground.brief.styles)
    assert ground.start.sum() == pytest.approx(1)
    assert (again, same.target.tolist(), same.gap) == (ground, wish.target.tolist(), wish.gap)
    assert len({toy.wish(rng(seed), rng(2))[0].info.styles for seed in range(9)}) > 1


@pytest.mark.parametrize("name", ["ours", "unsteered", "random"])
def test_policies_stay_on_the_simplex_and_repeat(toy, name):
    ground, wish = toy.wish(rng(1), rng(2))
    policy, artist = POLICIES[name](ground, rng(3)), Artist(wish, 0.1, rng(4))
    for at in range(4):
        points = policy.ask()
        assert points.shape == (4, 6)
        assert points.min() >= 0
        assert points.sum(1) == pytest.approx(1)
        assert at or points[0].tolist() == ground.start.tolist()
        policy.tell(artist.judge(points))
        assert policy.incumbent().sum() == pytest.approx(1)
    assert episode(SCENARIOS["picture"], POLICIES[name], 3) == episode(SCENARIOS["picture"], POLICIES[name], 3)


def test_without_contents_the_row_of_the_picture_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(paintings, "_models", dict)
    monkeypatch.setenv("STUDIO_ASSETS", str(tmp_path))
    found = beside_random(Store(tmp_path / "steering.jsonl"), "picture", 2)
    assert (found.name, found.value, found.goal) == ("regret.picture.vs_random", None, "<= 0.6")
    assert str(tmp_path / "contents") in found.detail


def test_an_episode_is_kept_for_the_weights_that_it_was_played_with(monkeypatch):
    monkeypatch.setattr(paintings, "_models", lambda: {"one": "1"})
    first, other = digest("picture", "random"), digest("6d", "random")
    monkeypatch.setattr(paintings, "_models", lambda: {"one": "2"})
    assert digest("picture", "random") != first != other == digest("6d", "random")


@pytest.mark.models
def test_the_picture_is_painted_and_looked_at_by_the_studio_itself(monkeypatch, tmp_path):
    store.ensure(["style-bank-26", "hed-vgg16"])
    monkeypatch.setattr(episodes, "ROUNDS", 2)
    monkeypatch.setattr(paintings, "GAUGE", 6)
    monkeypatch.setattr(episodes.os, "cpu_count", lambda: 1)
    found = beside_random(Store(tmp_path / "steering.jsonl"), "picture", 2)
    assert found.value > 0
    assert "2 episodes" in found.detail
