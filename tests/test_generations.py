"""Many generations of children stay within what the network learned."""

from __future__ import annotations

import pytest
import torch
from test_breeding import brief, file, files  # noqa: F401

from engines.image import WAYS, GanOptions, breeding, ways


@pytest.fixture(scope="module")
def world(files):  # noqa: F811
    return breeding.Breeder().world(brief(), files)


def along(world, latents):
    return (latents - world.mean) @ (world.ways / world.ways.square().sum(1, keepdim=True)).T


def test_generations_do_not_add_up_along_a_direction(world):
    latents = world.stranger(GanOptions(), 1)
    for seed in range(8):
        options = GanOptions(mutation=0.2, **dict.fromkeys(WAYS, 2.0 if seed % 2 else 2.5))
        latents = world.child(latents, options, seed)
        assert float(along(world, latents).abs().max()) <= ways.MOST + 1e-3


def test_what_lies_further_out_stays_where_it_is_and_may_come_back(world):
    far = world.mean + 4 * world.ways[0][None].expand(world.layers, -1)
    assert torch.allclose(world.child(far, GanOptions(mutation=0.0), 1), far, atol=1e-4)
    back = world.child(far, GanOptions(mutation=0.0, way_1=-2.0), 1)
    assert along(world, back)[:, 0].tolist() == pytest.approx([2.0] * world.layers, abs=1e-2)
    assert along(world, world.child(far, GanOptions(mutation=0.0, way_1=2.5), 1))[0, 0].item() == pytest.approx(
        4, abs=1e-2
    )
