"""The parts of a GAN: the formulas of its games, modulated convolutions, changed pictures, its two networks, and what quality is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from engines.image.gan import augment, fastgan, judges, layers, measures, stylegan, watching
from engines.image.gan.losses import GAMES, r1, value
from engines.image.gan.spread import Spread


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ── Games ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_value_is_the_formula_and_minus_log_4_where_nobody_can_tell():
    real, fake = drawn(50), drawn(50, seed=1)
    d_real, d_fake = real.double().sigmoid(), fake.double().sigmoid()
    written = d_real.log().mean() + (1 - d_fake).log().mean()
    assert float(value(real, fake)) == pytest.approx(float(written), rel=1e-5)
    assert float(value(torch.zeros(3), torch.zeros(3))) == pytest.approx(-math.log(4))
    assert float(GAMES["minimax"].discriminator(real, fake)) == pytest.approx(-float(written), rel=1e-5)
    assert float(GAMES["minimax"].generator(fake)) == pytest.approx(float((1 - d_fake).log().mean()), rel=1e-5)
    assert float(GAMES["non-saturating"].generator(fake)) == pytest.approx(float(-d_fake.log().mean()), rel=1e-5)


@pytest.mark.parametrize("name", GAMES)
def test_each_game_rewards_both_for_what_they_are_to_do(name):
    game = GAMES[name]
    good, bad = torch.full((4,), 0.5), torch.full((4,), -0.5)
    assert game.discriminator(good, bad) < game.discriminator(bad, good)
    assert game.generator(good) < game.generator(bad)
    assert "max_D" in game.formula or "min_D" in game.formula


def test_the_minimax_generator_learns_next_to_nothing_where_the_discriminator_is_sure():
    slopes = {}
    for name in ("minimax", "non-saturating"):
        sure = torch.full((4,), -8.0, requires_grad=True)
        GAMES[name].generator(sure).backward()
        slopes[name] = float(sure.grad.abs().sum())
    assert slopes["minimax"] < 0.001 < 0.99 < slopes["non-saturating"]


def test_r1_is_the_squared_slope_at_real_pictures():
    pictures, weights = drawn(5, 3, 4, 4).requires_grad_(), drawn(3, 4, 4, seed=1)
    verdict = (pictures * weights).sum((1, 2, 3))
    assert float(r1(verdict, (pictures,)).detach()) == pytest.approx(float(weights.square().sum()), rel=1e-5)


# ── Spread ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def filled(real: torch.Tensor, made: torch.Tensor) -> Spread:
    spread = Spread()
    for at in range(0, len(real), 16):
        spread(made[at : at + 16], real[at : at + 16])
        spread.keep()
    return spread


def test_samples_spread_like_the_pictures_cost_nothing_and_others_more_the_less_they_differ():
    real, new = drawn(1024, 20), drawn(256, 20, seed=1)
    costs = [float(filled(real, share * drawn(1024, 20, seed=2))(share * new, real[:64])) for share in (1.0, 0.5, 0.0)]
    assert abs(costs[0]) < 0.02 < costs[1] < costs[2]


def test_a_sample_is_pulled_from_the_crowd_to_where_pictures_are():
    real = torch.cat([drawn(512, 2) + torch.tensor([4.0, 0.0]), drawn(512, 2, seed=1) - torch.tensor([4.0, 0.0])])
    real = real[torch.randperm(1024, generator=torch.Generator().manual_seed(0))]
    collapsed = drawn(1024, 2, seed=2) * 0.3 + torch.tensor([4.0, 0.0])  # one of the two lumps alone
    made = collapsed[:16].clone().requires_grad_()
    filled(real, collapsed)(made, real[:16]).backward()
    assert bool((made.grad[:, 0] > 0).all())  # downhill lies the lump that is missed


def test_a_step_that_was_given_up_is_not_remembered():
    spread = filled(drawn(64, 4), drawn(64, 4, seed=1))
    before = {name: each.clone() for name, each in spread.tensors().items()}
    spread(drawn(8, 4, seed=3), drawn(8, 4, seed=4))
    assert all(torch.equal(before[name], each) for name, each in spread.tensors().items())


# ── Layers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_modulated_convolution_is_that_of_the_paper():
    """Equations 1 and 3 as written, picture by picture with weights of its own."""
    layer, x, w = layers.Modulated(5, 7, 6), drawn(3, 5, 8, 8), drawn(3, 6, seed=1)
    scales, weight = layer.style(w), layer.conv.weight  # the scales carry the weights' own 1 / sqrt(5 * 9)
    for at in range(3):
        modulated = weight * scales[at][None, :, None, None]
        demodulated = modulated / (modulated.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = layers.active(functional.conv2d(x[at : at + 1], demodulated, padding=1) * layers.GAIN)
        assert torch.allclose(layer(x, w)[at : at + 1], expected, atol=1e-5)


def test_a_batch_alike_is_seen_as_such():
    alike, varied = drawn(1, 2, 4, 4).expand(4, -1, -1, -1), drawn(4, 2, 4, 4)
    assert (
        float(layers.spread_out(alike, 4)[:, -1].max()) < 0.01 < 0.5 < float(layers.spread_out(varied, 4)[:, -1].min())
    )


# ── Networks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("module", "sides"), [(stylegan, (32, 64)), (fastgan, (64,))])
def test_the_networks_fit_each_other_and_a_gradient_reaches_every_weight(module, sides):
    torch.manual_seed(0)
    generator, discriminator = module.Generator(64), module.Discriminator(64)
    for side in sides:
        styles = generator.styles(drawn(4, generator.latent))[:, None].expand(-1, generator.layers, -1)
        made = generator(styles, torch.Generator().manual_seed(0), side)
        assert made.shape == (4, 3, side, side)
        verdict = discriminator(discriminator.look(made))
        assert verdict.shape[0] == 4
        (verdict.mean() + discriminator.teaches(discriminator.look(made))).backward()
    for network in (generator, discriminator):
        assert [name for name, each in network.named_parameters() if each.grad is None] == []


def test_noise_changes_details_and_the_same_chance_gives_the_same(eyes):
    torch.manual_seed(0)
    generator = stylegan.Generator(64)
    for block in generator.blocks.values():
        block.second.noise.data.fill_(0.5)
        block.rgb.conv.weight.data.normal_()
    w = generator.styles(drawn(2, 128))[:, None].expand(-1, generator.layers, -1)
    one, same, other, without = (
        generator(w, chance and torch.Generator().manual_seed(chance), 32) for chance in (1, 1, 2, None)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, without)


def test_the_first_blocks_of_a_discriminator_can_be_frozen(eyes):
    for discriminator, first in (
        (stylegan.Discriminator(64), ("seen.", "blocks.64.")),
        (fastgan.Discriminator(64), ("seen.", "blocks.64.")),
        (judges.Projected(64, eyes), tuple(f"heads.{at}.first." for at in range(3))),
    ):
        discriminator.freeze(0)
        assert all(each.requires_grad for each in discriminator.parameters())
        discriminator.freeze(1)
        frozen = {name for name, each in discriminator.named_parameters() if not each.requires_grad}
        assert frozen == {name for name, _ in discriminator.named_parameters() if name.startswith(first)}


def test_a_judge_gets_used_to_the_first_pictures_and_passes_gradients_through_vgg(eyes):
    judge, pictures = judges.Projected(64, eyes), drawn(8, 3, 32, 32).clamp(-1, 1).requires_grad_()
    judge.get_used(pictures.detach())
    looks = judge.look(pictures)
    for layer in looks:
        assert abs(float(layer.detach().mean())) < 0.1
    judge(looks).mean().backward()
    assert float(pictures.grad.abs().sum()) > 0


# ── Changed pictures ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["colour", "translation", "cutout", "colour,translation,cutout"])
def test_pictures_are_changed_each_in_its_own_way_and_gradients_pass(how):
    pictures = drawn(1, 3, 16, 16).clamp(-1, 1).repeat(4, 1, 1, 1).requires_grad_()
    changed = augment.augmented(pictures, torch.Generator().manual_seed(0), how)
    assert changed.shape == pictures.shape
    assert not torch.equal(changed[0], changed[1])
    changed.sum().backward()
    assert float(pictures.grad.abs().sum()) > 0


def test_none_changes_nothing_and_a_cutout_is_a_square_of_nothing():
    pictures = torch.ones(6, 3, 16, 16)
    assert torch.equal(augment.augmented(pictures, torch.Generator(), "none"), pictures)
    holes = (augment.cutout(pictures, torch.Generator().manual_seed(3)) == 0)[:, 0]
    for hole in holes:
        rows, columns = hole.any(1).sum(), hole.any(0).sum()
        assert 0 < rows * columns == hole.sum() <= 64


# ── Quality ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def clouds() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two halves of one distribution, and samples that collapsed onto a spot of it."""
    return drawn(200, 12), drawn(200, 12, seed=1), drawn(200, 12, seed=2) * 0.02 + drawn(1, 12, seed=3) * 0.3


def test_the_same_set_is_at_no_distance_and_all_of_it_is_found():
    one, *_ = clouds()
    assert measures.frechet(one, one) == pytest.approx(0, abs=1e-9)
    assert measures.kernel(one, one) < 0
    assert measures.precision_recall(one, one) == (1, 1)


def test_halves_of_one_set_are_near_and_a_collapsed_one_is_far_true_and_poor():
    one, half, collapsed = clouds()
    assert measures.frechet(one, half) < 0.1 * measures.frechet(one, collapsed)
    assert abs(measures.kernel(one, half)) < 0.1 * measures.kernel(one, collapsed)
    assert min(measures.precision_recall(one, half)) > 0.7
    precision, recall = measures.precision_recall(one, collapsed)
    assert precision > 0.95
    assert recall < 0.05


def test_the_frechet_distance_is_that_of_known_normal_distributions():
    """N(0, 1) and N(3, 2^2) in each of two dimensions: 2 (3^2 + (2 - 1)^2) = 20."""
    one, other = drawn(40_000, 2).double(), 3 + 2 * drawn(40_000, 2, seed=1).double()
    assert measures.frechet(one, other) == pytest.approx(20, rel=0.02)


def test_a_copy_is_found_out(eyes):
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (32, 32, 3), np.uint8) for _ in range(6)]
    found = measures.nearest([pictures[4], 255 - pictures[2]], pictures, eyes)
    assert found[0] == (4, pytest.approx(0, abs=1e-3))
    assert found[1][1] > 0.01
    told = measures.quality(pictures, pictures[::-1], eyes)
    assert (told.real, told.made, told.precision, told.recall) == (6, 6, 1, 1)


# ── Warnings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_warns_once_until_it_has_passed():
    chance = np.random.default_rng(0)
    pictures = chance.integers(0, 256, (40, 32, 32, 3), np.uint8)
    watch = watching.Watch(pictures)
    shown = torch.from_numpy(pictures[:20]).movedim(-1, 1) / 255
    alike = 0.1 * shown + 0.9 * shown[:1]
    assert watch.samples(shown) is None
    found = watch.samples(alike)
    assert "10%" in str(found)
    assert watch.samples(alike) is None
    assert watch.samples(shown) is None
    assert watch.samples(alike) is not None
    assert watch.verdicts([0.99] * 4) is None
    assert "wins: 99%" in str(watch.verdicts([0.5, *[0.99] * 5]))
    assert watch.verdicts([0.99] * 6) is None
