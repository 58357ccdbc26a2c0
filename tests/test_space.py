"""Spaces of knobs: points and settings go over into each other, whatever is decoded is allowed, what is fixed stays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engines.api import Knob, Space, project_simplex

KINDS = ["continuous", "simplex", "choice"]


def random_space(rng: np.random.Generator) -> Space:
    """A space of any make, with some style weights fixed."""
    knobs = []
    for at in range(rng.integers(0, 4)):
        low = float(rng.uniform(-5, 5))
        high = low + float(rng.uniform(0.1, 9))
        knobs.append(Knob(f"option{at}", "continuous", float(rng.uniform(low, high)), low, high))
    for at in range(rng.integers(0, 3)):
        choices = tuple("abcd"[: rng.integers(2, 5)])
        knobs.append(Knob(f"choice{at}", "choice", str(rng.choice(list(choices))), choices=choices))
    free, held = int(rng.choice([0, 2, 3, 6])), int(rng.integers(0, 3))
    shares = rng.dirichlet(np.ones(free + held)) if free else []
    knobs += [Knob(f"style:s{at}", "simplex", float(shares[at])) for at in range(free)]
    fixed = {f"style:s{at}": float(shares[at]) for at in range(free, free + held)} if free else {"option9": 0.25}
    return Space(tuple(knobs), fixed)


def assert_allowed(space: Space, settings: dict) -> None:
    assert set(settings) == {knob.name for knob in space.knobs} | set(space.fixed)
    for name, value in space.fixed.items():
        assert settings[name] == value
    for knob in space.knobs:
        value = settings[knob.name]
        if knob.kind == "choice":
            assert value in knob.choices
        else:
            assert math.isfinite(value)
            assert knob.low - 1e-9 <= value <= knob.high + 1e-9
    weights = [value for name, value in settings.items() if name.startswith("style:")]
    if weights:
        assert math.fsum(weights) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(40))
def test_what_the_artist_set_survives_the_way_there_and_back(seed):
    space = random_space(np.random.default_rng(seed))
    point = space.encode(space.yours)
    assert point.shape == (space.dim,)
    assert np.all((point >= -1e-12) & (point <= 1 + 1e-12))
    back = space.decode(point)
    assert_allowed(space, back)
    for name, value in space.yours.items():
        assert back[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-9))


@pytest.mark.parametrize("seed", range(40))
def test_samples_are_allowed_and_stay_where_they_are(seed):
    rng = np.random.default_rng(seed)
    space = random_space(rng)
    points = space.sample(rng, 20)
    assert points.shape == (20, space.dim)
    assert space.project(points) == pytest.approx(points)
    for point in points:
        settings = space.decode(point)
        assert_allowed(space, settings)
        assert space.encode(settings) == pytest.approx(point)


@pytest.mark.parametrize("seed", range(40))
def test_any_point_at_all_decodes_to_something_allowed(seed):
    rng = np.random.default_rng(seed)
    space = random_space(rng)
    for scale in (0.0, 1.0, 100.0):
        wild = rng.normal(0, scale, space.dim)
        wild[rng.random(space.dim) < 0.2] = rng.choice([np.nan, np.inf, -np.inf])
        before = wild.copy()
        assert_allowed(space, space.decode(wild))
        assert np.array_equal(wild, before, equal_nan=True)


def test_the_projection_onto_the_simplex_is_the_nearest_point():
    rng = np.random.default_rng(0)
    for _ in range(50):
        point = rng.normal(0, 1, 4)
        nearest = project_simplex(point)
        assert nearest.min() >= 0
        assert nearest.sum() == pytest.approx(1)
        others = rng.dirichlet(np.ones(4), 300)
        assert np.linalg.norm(point - nearest) <= np.linalg.norm(others - point, axis=1).min() + 1e-9
        assert project_simplex(nearest) == pytest.approx(nearest)


def test_locked_weights_leave_the_rest_to_the_others():
    space = Space((Knob("style:a", "simplex", 0.2), Knob("style:b", "simplex", 0.3)), {"style:c": 0.5})
    assert space.budget == pytest.approx(0.5)
    assert space.encode(space.yours) == pytest.approx([0.4, 0.6])
    assert space.decode(np.array([1.0, 0.0])) == pytest.approx({"style:a": 0.5, "style:b": 0.0, "style:c": 0.5})


def test_a_style_that_settings_do_not_name_has_no_weight():
    space = Space((Knob("style:a", "simplex", 0.5), Knob("style:b", "simplex", 0.5)))
    assert space.encode({"style:a": 1.0}) == pytest.approx([1.0, 0.0])


def test_samples_fill_the_space_evenly():
    rng = np.random.default_rng(1)
    space = Space(
        (
            Knob("x", "continuous", 0.0, -2, 2),
            Knob("c", "choice", "a", choices=("a", "b")),
            Knob("style:a", "simplex", 0.5),
            Knob("style:b", "simplex", 0.5),
        )
    )
    points = space.sample(rng, 4000)
    assert points.mean(0) == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5], abs=0.03)
    assert points[:, 3].std() == pytest.approx(1 / np.sqrt(12), abs=0.02)  # a flat Dirichlet of two is uniform
