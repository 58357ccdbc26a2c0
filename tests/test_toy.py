"""Two networks at play in the plane: what they learn, and what is seen of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engines.errors import EngineError
from engines.image.gan.losses import GAMES
from engines.image.gan.toy import FIELD, LINE, NET, PRESETS, SHOWN, Options, Toy, preset

EVEN = -math.log(4)


def played(steps: int, who="both", points="ring", **options) -> Toy:
    game = Toy(preset(points), Options(**options))
    for _ in range(steps):
        game.step(who)
    return game


def weights(network) -> list[np.ndarray]:
    return [each.detach().numpy().copy() for each in network.parameters()]


def same(one, other) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_the_game_reaches_a_ring_and_its_value_goes_to_minus_log_4(one_thread):
    game = played(0)
    for _ in range(15):
        game.step("discriminator")
    begun = game.state()
    for _ in range(900):
        game.step()
    found = game.state()
    assert begun.value > EVEN + 0.1  # D has seen through the clump
    assert abs(found.value - EVEN) < 0.05
    assert abs(found.value - EVEN) < abs(begun.value - EVEN) / 2
    assert begun.reached < 0.3
    assert found.reached > 0.8
    assert found.near > 0.8
    radius = np.linalg.norm(found.samples, axis=1)
    assert abs(np.median(radius) - 0.62) < 0.06
    assert (found.real, found.fake) == pytest.approx((0.5, 0.5), abs=0.05)


@pytest.mark.parametrize("loss", GAMES)
@pytest.mark.parametrize("options", [{"dimensions": 1, "noise": "normal"}, {"r1": 0.0, "steps_d": 2}])
def test_every_game_is_played_and_seen(loss, options, one_thread):
    game = played(3, loss=loss, hidden=8, batch=8, **options)
    found = game.state()
    assert (found.step, found.turns) == (3, 3 * options.get("steps_d", 1))
    assert found.samples.shape == found.arrows.shape == (SHOWN, 2)
    assert found.field.shape == (FIELD, FIELD)
    assert found.bent.shape == ((LINE, 2) if game.options.dimensions == 1 else (NET * NET, 2))
    assert ((found.field >= 0) & (found.field <= 1)).all()
    assert found.value <= 0
    assert all(map(math.isfinite, (found.discriminator, found.generator, found.real, found.fake)))


def test_the_same_seed_plays_the_same_game_and_looking_changes_nothing(one_thread):
    one, other = played(20, seed=3), Toy(preset("ring"), Options(seed=3))
    for _ in range(20):
        other.step()
        other.state()
    assert (one.state().samples == other.state().samples).all()
    assert one.state().value == other.state().value
    assert not (one.state().samples == played(20, seed=4).state().samples).all()


def test_each_learns_alone(one_thread):
    game = played(2)
    g, d = weights(game._g), weights(game._d)
    game.step("discriminator")
    assert same(weights(game._g), g)
    assert not same(weights(game._d), d)
    d = weights(game._d)
    game.step("generator")
    assert same(weights(game._d), d)
    assert not same(weights(game._g), g)
    assert (game.steps, game.turns) == (3, 3)


def test_arrows_point_to_where_the_generators_loss_falls(one_thread):
    game = played(40, "discriminator")
    found = game.state()
    places = torch.from_numpy(found.samples)
    moved = places + 1e-3 * torch.from_numpy(found.arrows)
    with torch.no_grad():
        before, after = (game._d(each)[:, 0] for each in (places, moved))
    pushed = np.linalg.norm(found.arrows, axis=1) > 1e-3
    assert pushed.any()
    assert (after > before).numpy()[pushed].all()


def test_the_field_is_what_the_discriminator_believes_from_the_lower_left(one_thread):
    game = played(30, points="lumps")
    cell = 2 / FIELD
    corner = torch.tensor(
        [[-1 + cell / 2, -1 + cell / 2], [1 - cell / 2, -1 + cell / 2], [-1 + cell / 2, 1 - cell / 2]]
    )
    with torch.no_grad():
        wanted = torch.sigmoid(game._d(corner))[:, 0].numpy()
    field = game.state().field
    assert (field[0, 0], field[0, -1], field[-1, 0]) == pytest.approx(tuple(wanted), abs=1e-5)


def test_minimax_teaches_less_where_the_discriminator_is_sure(one_thread):
    pushes = []
    for loss in ("minimax", "non-saturating"):
        found = played(300, "discriminator", loss=loss, r1=0.0, rate_d=0.02).state()
        assert found.fake < 0.07
        assert found.told == "sure"
        pushes.append(np.linalg.norm(found.arrows, axis=1).mean())
    assert pushes[0] < pushes[1] / 5


def test_missing_modes_are_told(one_thread):
    game = played(0, points="grid")
    game.take(preset("ring") * 0.1)
    for _ in range(320):
        game.step()
    assert game.state().told == ""
    game.take(np.concatenate([preset("ring")[::4] * 0.1, preset("grid")[np.abs(preset("grid")).max(1) > 0.4]]))
    assert game.state().told == "modes"  # what it learned is good, and leaves out eight lumps


def test_options_are_turned_while_they_play(one_thread):
    game = played(5)
    before = weights(game._g)
    assert game.tune(Options(rate_g=0.01, loss="hinge")) is False
    assert same(weights(game._g), before)
    assert game._learn_g.param_groups[0]["lr"] == 0.01
    assert game.tune(Options(rate_g=0.01, loss="hinge", hidden=8)) is True
    assert game.steps == 0
    assert game._learn_g.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("name", PRESETS)
def test_presets_lie_in_the_plane(name):
    found = preset(name)
    assert (np.abs(found) <= 1).all()
    assert (found == preset(name)).all()
    Toy(found)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([], "There are 0 points"),
        ([[0, 0]] * 7, "There are 7 points"),
        ([[0, 0]] * 2001, "at most 2000"),
        ([[0, 0]] * 9 + [[0, 1.5]], "no points of the plane"),
        ([[0, math.nan]] * 9, "no points of the plane"),
        ([[0, 0, 0]] * 9, "no points of the plane"),
        ([[0, 0]] * 9 + [[0]], "no points of the plane"),
        ("ring", "no points of the plane"),
        ([["a", "b"]] * 9, "no points of the plane"),
        (None, "no points of the plane"),
        ({"x": 1}, "no points of the plane"),
    ],
)
def test_what_is_no_game_is_told(points, told):
    with pytest.raises(EngineError, match=told):
        Toy(points)
    with pytest.raises(EngineError, match="star"):
        preset("star")
