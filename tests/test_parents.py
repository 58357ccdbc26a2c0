"""Children of parents: what each gives to which layers, pictures that tell how they were made, and those that have to be found."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from engines import registry
from engines.api import Brief, BriefError, Cancelled, Done, EngineError, Progress, Result, Setting
from engines.image import FACES, GAN, GanOptions, breeding, children, parents, projection
from engines.image.gan import ganfile, networks
from engines.image.gan.plan import Plan
from engines.weights import MOST_PARENTS
from studio import pictures
from studio.events import Proposal
from studio.rounds import as_variant

OWN, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def write_gan(place, eyes, seed=0, **more):
    """A GAN that chance drew, with enough to see."""
    torch.manual_seed(seed)
    plan = replace(Plan(), **more)
    generator, discriminator = networks.generator(plan), networks.discriminator(plan, eyes)
    for block in generator.blocks.values() if plan.network == "stylegan2" else ():
        torch.nn.init.normal_(block.rgb.conv.weight)
    grid = np.zeros((32, 32, 3), np.uint8)
    ganfile.write(place, "toy", plan, generator, discriminator, grid, {"plan": asdict(plan)})
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory, eyes):
    place = tmp_path_factory.mktemp("gans")
    write_gan(place / f"own{ganfile.SUFFIX}", eyes)
    write_gan(place / f"other{ganfile.SUFFIX}", eyes, seed=1)
    write_gan(place / f"fast{ganfile.SUFFIX}", eyes, network="fastgan", judge="own")
    return place


class Files(dict):
    """Stored files by reference."""

    def __call__(self, ref):
        return pictures.to_pixels(self.data(ref))

    def data(self, ref):
        return self[ref]

    def put(self, data, at):
        ref = f"sha256:{at:064d}"
        self[ref] = data
        return ref


@pytest.fixture
def files(folder):
    own, other = ((folder / f"{name}{ganfile.SUFFIX}").read_bytes() for name in ("own", "other"))
    return Files({OWN: own, OTHER: other})


@pytest.fixture
def breeder(eyes, monkeypatch):
    """The engine with small eyes, and a short search."""
    monkeypatch.setattr(children, "all_looks", lambda found: np.zeros((len(found), 64), np.float32))
    monkeypatch.setattr(projection, "STEPS", 6)
    monkeypatch.setattr(projection, "CANDIDATES", 4)
    made = breeding.Breeder()
    made._parents = parents.Parents(GAN, eyes)
    return made


def brief(weights=(), gan=OWN, **more):
    given = {"mode": "image", "engine": "gan", "styles": {gan: 1.0}, "size": 64, **more}
    return GAN.check(Brief(**given, weights=dict(weights)))


def run(breeder, asked, files, seeds=(1,), cancelled=lambda: False):
    return list(breeder.run(asked, [Setting({}, seed) for seed in seeds], files, cancelled))


def results(events):
    return [each for each in events if isinstance(each, Result)]


def born(breeder, files, at, seed, **more):
    """A picture of ours as a file, and where it lies."""
    asked = brief(**more)
    (made,) = results(run(breeder, asked, files, (seed,)))
    proposal = Proposal(role="yours", knobs={}, seed=seed, reason=[])
    return files.put(as_variant(asked, proposal, made)[1], at)


def latents(breeder, files, ref, gan=OWN):
    world = breeder.world(brief(gan=gan), files)
    return breeder._parents.known(world, gan, ref, brief(gan=gan), files)


# ── Where parents lie ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_picture_of_ours_tells_where_it_lies(breeder, files):
    ref = born(breeder, files, 1, seed=7, options={"way_1": 1.5})
    world = breeder.world(brief(), files)
    expected = world.stranger(GanOptions(way_1=1.5), 7)
    assert torch.equal(latents(breeder, files, ref), expected)


def test_a_child_tells_where_it_lies_although_its_parents_are_gone(breeder, files):
    first, second = (born(breeder, files, at, seed=at) for at in (1, 2))
    child = born(breeder, files, 3, seed=9, weights={f"coarse:{first}": 1.0, f"fine:{second}": 1.0})
    grandchild = born(breeder, files, 4, seed=10, weights={f"coarse:{child}": 1.0}, options={"mutation": 0.0})
    expected = latents(breeder, files, child)
    del files[first], files[second]
    again = breeding.Breeder()
    assert torch.equal(latents(again, files, grandchild), expected)


def test_sole_parent_without_mutation_is_what_is_shown(breeder, files):
    """So an artist sees what a picture of theirs became."""
    files["sha256:" + "1" * 64] = pictures.encode_png(np.full((40, 60, 3), (200, 30, 30), np.uint8))
    ref = "sha256:" + "1" * 64
    (made,) = results(run(breeder, brief({f"coarse:{ref}": 1.0}, options={"mutation": 0.0}), files))
    assert np.array_equal(made.latent, latents(breeder, files, ref).numpy())


def test_a_photograph_is_found_once_and_comes_out_the_same(breeder, files, eyes):
    ref = files.put(pictures.encode_png(np.full((64, 64, 3), 90, np.uint8)), 1)
    asked = brief({f"middle:{ref}": 1.0})
    first = run(breeder, asked, files)
    assert sum(isinstance(each, Progress) and each.message == "Finding a parent" for each in first) == 6
    second = run(breeder, asked, files)
    assert not any(isinstance(each, Progress) and each.message == "Finding a parent" for each in second)
    again = breeding.Breeder()
    again._parents = parents.Parents(GAN, eyes)
    third = run(again, asked, files)
    assert results(first)[0].pixels.tobytes() == results(second)[0].pixels.tobytes()
    assert results(first)[0].pixels.tobytes() == results(third)[0].pixels.tobytes()
    done = [each.done for each in first if isinstance(each, Progress)]
    assert done == sorted(done)
    assert done[-1] == 1


def test_what_was_searched_for_outlives_the_studio_and_damage(breeder, files, eyes, tmp_path):
    ref = files.put(pictures.encode_png(np.full((64, 64, 3), 90, np.uint8)), 1)
    files.found = tmp_path / "session" / "found"
    asked = brief({f"middle:{ref}": 1.0})

    def searched(gan=OWN):
        again = breeding.Breeder()
        again._parents = parents.Parents(GAN, eyes)
        events = run(again, replace(asked, styles={gan: 1.0}), files)
        return any(each.message == "Finding a parent" for each in events if isinstance(each, Progress)), events

    before, first = searched()
    after, second = searched()
    assert (before, after) == (True, False)
    assert results(first)[0].pixels.tobytes() == results(second)[0].pixels.tobytes()
    (file,) = files.found.iterdir()
    assert searched(OTHER)[0]  # another GAN, another search
    for damaged in (file.read_bytes()[:50], b""):
        file.write_bytes(damaged)
        assert searched()[0]
        assert not searched()[0]


def test_searching_brings_a_picture_nearer(breeder, files, eyes, monkeypatch):
    monkeypatch.setattr(projection, "STEPS", 24)
    world = breeder.world(brief(), files)
    with torch.no_grad():
        target = world(world.stranger(GanOptions(truncation=1.0), 123)[None], None)
    far = [
        float((world(found[None], None) - target).square().mean())
        for _, found in projection.project(world, target, eyes, lambda: False)
    ]
    assert far[-1] < 0.6 * far[0]


def test_a_search_can_be_stopped_and_leaves_nothing(breeder, files):
    ref = files.put(pictures.encode_png(np.full((64, 64, 3), 90, np.uint8)), 1)
    asked, asks = brief({f"coarse:{ref}": 1.0}), []
    events = run(breeder, asked, files, cancelled=lambda: asks.append(1) or len(asks) > 4)
    assert isinstance(events[-1], Cancelled)
    assert not results(events)
    assert latents(breeder, files, ref) is None
    with pytest.raises(EngineError, match="not found"):
        breeder.preview(asked, [Setting({}, 1)], files, 64)


def _other_gan(breeder, files):
    return born(breeder, files, 1, seed=7, gan=OTHER)


def _damaged(breeder, files):
    return _changed(breeder, files, lambda meta: {**meta, "knobs": "none"})


def _forged(breeder, files):
    return _changed(breeder, files, lambda meta: {**meta, "seed": 8})


def _cut_off(breeder, files):
    return _changed(breeder, files, lambda meta: {**meta, "latent": "AAAA"})


def _worked_on(breeder, files):
    return _changed(breeder, files, lambda meta: meta | {"brief": meta["brief"] | {"then": {"styles": {"woodcut": 1}}}})


def _changed(breeder, files, change):
    data = files[born(breeder, files, 2, seed=7)]
    meta = change(pictures.read_meta(data))
    return files.put(pictures.encode_png(pictures.to_pixels(data), meta), 1)


@pytest.mark.parametrize("make", [_other_gan, _damaged, _forged, _cut_off, _worked_on])
def test_a_picture_that_does_not_tell_the_truth_is_one_like_any_other(breeder, files, make):
    ref = make(breeder, files)
    assert latents(breeder, files, ref) is None
    assert isinstance(run(breeder, brief({f"coarse:{ref}": 1.0}), files)[-1], Done)


def test_a_file_that_is_no_picture_is_refused(breeder, files):
    ref = files.put(b"no picture", 1)
    with pytest.raises(Exception, match="not a picture"):
        run(breeder, brief({f"coarse:{ref}": 1.0}), files)


# ── What they give ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_gives_to_its_layers(breeder, files):
    a, b = (born(breeder, files, at, seed=at) for at in (1, 2))
    world, found = breeder.world(brief(), files), {ref: latents(breeder, files, ref) for ref in (a, b)}
    mixed = world.mixed(found, {a: {"coarse": 1.0, "middle": 1.0}, b: {"fine": 1.0}})
    assert torch.equal(mixed[:6], found[a][:6])
    assert torch.equal(mixed[6:], found[b][6:])
    blend = world.mixed(found, {a: {"coarse": 0.75}, b: {"coarse": 0.25}})
    assert torch.allclose(blend[:4], 0.75 * found[a][:4] + 0.25 * found[b][:4], atol=1e-5)
    assert torch.allclose(blend[4:], 0.5 * found[a][4:] + 0.5 * found[b][4:], atol=1e-5)
    nothing = world.mixed(found, {a: {"coarse": 0.0}, b: {"fine": 0.0}})
    assert torch.allclose(nothing, 0.5 * found[a] + 0.5 * found[b], atol=1e-5)


def test_a_network_of_one_layer_takes_the_mean_of_the_groups_at_full_length(breeder, files, folder):
    files[OWN] = (folder / f"fast{ganfile.SUFFIX}").read_bytes()
    a, b = (born(breeder, files, at, seed=at) for at in (1, 2))
    world, found = breeder.world(brief(), files), {ref: latents(breeder, files, ref) for ref in (a, b)}
    mixed = world.mixed(found, {a: {"coarse": 1.0, "middle": 1.0}, b: {"fine": 1.0}})
    straight = (2 * found[a] + found[b]) / 3
    assert torch.allclose(torch.nn.functional.normalize(mixed), torch.nn.functional.normalize(straight), atol=1e-5)
    lengths = [float(found[ref].norm()) for ref in (a, b)]
    assert min(lengths) - 1e-3 <= float(mixed.norm()) <= max(lengths) + 1e-3


def test_mutation_says_how_far_a_child_strays(breeder, files):
    ref = born(breeder, files, 1, seed=1)
    world, parent = breeder.world(brief(), files), latents(breeder, files, ref)

    def strays(mutation, seed=5):
        child = world.child(parent, GanOptions(mutation=mutation), seed)
        return float((child - parent).norm())

    assert strays(0.0) == 0
    assert 0 < strays(0.2) < strays(0.5) < strays(1.0)
    stranger = world.child(parent, GanOptions(mutation=1.0), 5)
    assert torch.allclose(stranger, world.child(parent + 3, GanOptions(mutation=1.0), 5), atol=1e-4)


def test_ways_lead_away_from_the_parents(breeder, files):
    ref = born(breeder, files, 1, seed=1)
    world, parent = breeder.world(brief(), files), latents(breeder, files, ref)
    moved = world.child(parent, GanOptions(mutation=0.0, way_2=1.5), 5)
    assert torch.allclose(moved - parent, (1.5 * world.ways[1]).expand(world.layers, -1), atol=1e-4)


def test_sixteen_children_differ_and_come_again(breeder, files):
    a, b = (born(breeder, files, at, seed=at) for at in (1, 2))
    asked = brief({f"coarse:{a}": 1.0, f"fine:{b}": 1.0}, variants=16)
    first, second = (results(run(breeder, asked, files, range(16))) for _ in range(2))
    assert [each.index for each in first] == list(range(16))
    assert len({each.pixels.tobytes() for each in first}) == 16
    assert [each.pixels.tobytes() for each in first] == [each.pixels.tobytes() for each in second]
    (alone,) = results(run(breeder, asked, files, (5,)))
    assert alone.pixels.tobytes() == first[5].pixels.tobytes()  # whoever stands beside it


def test_directions_are_the_same_whatever_chance_did_before(files):
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(breeding.Breeder().world(brief(), files).ways)
    assert torch.equal(*found)


# ── What a brief may say ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("weights", "word"),
    [
        ({"coarse:mother.png": 1.0}, "stored picture"),
        ({f"coarse:{OWN}": 1.5}, "from 0.0 to 1.0"),
        ({f"parent:{OWN}": 1.0}, "Unknown weight"),
        ({f"coarse:sha256:{at:064d}": 1.0 for at in range(MOST_PARENTS + 1)}, "At most 8"),
    ],
)
def test_nonsense_is_refused(weights, word):
    with pytest.raises(BriefError, match=word):
        brief(weights)


def test_a_round_has_as_many_children_as_its_engine_makes():
    assert brief(variants=16).variants == 16
    with pytest.raises(BriefError, match="from 1 to 16"):
        Brief(variants=17)
    with pytest.raises(BriefError, match=r"variants is 5.*from 1 to 4"):
        registry.check(Brief(mode="image", engine="painter", prompt="a cat", variants=5))


def test_mutation_is_a_knob_beside_parents_alone():
    def knobs(asked):
        return {knob.name for knob in GAN.knobs(asked)}

    assert "mutation" not in knobs(brief())
    assert {"mutation", f"fine:{OWN}"} <= knobs(brief({f"fine:{OWN}": 0.5}))
    assert "mutation" in {knob.name for knob in FACES.knobs(Brief(mode="image", weights={f"parent:{OWN}": 1.0}))}
    assert Brief.from_dict(brief({f"fine:{OWN}": 0.5}).to_dict()) == brief({f"fine:{OWN}": 0.5})
