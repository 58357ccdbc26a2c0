"""The GAN: what a number type gains in training, how fast it breeds, and how much of what it never saw it can make."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import engines
from engines.api import Brief, Setting
from engines.device import Choice
from engines.registry import StandIn
from engines.vision import Eyes

from .report import Row, row

CHILDREN = 16
BASE = Path(engines.__file__).parent / "image" / "icons.gan.safetensors"
FEW, MINUTES = 100, 10.0  # pictures that a base is taken further with, and for how long
STEPS = 100  # of the game in the plane, that are timed together
PICTURES = 64  # of chance, to take steps with: what they show costs nothing


def rows(turns: int) -> Iterator[Row]:
    """Those that need no pictures."""
    yield step_row(turns)
    yield from breed_rows(turns)
    yield toy_row(turns)


def step_row(turns: int) -> Row:
    """A step of both networks in float32 and in bfloat16, in turns."""
    from engines.image.gan.plan import Plan

    plan = replace(Plan(), small=0.0)
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, 64, 64, 3), np.uint8)
    both = [_training(pictures, plan, dtype) for dtype in ("float32", "bfloat16")]
    taken = [[_milliseconds(each._step) for each in both] for _ in range(turns + 1)][1:]
    ratios = [one / other for one, other in taken]
    plain, half = (statistics.median(each) for each in zip(*taken, strict=True))
    told = f"median of {turns} pairs at 64 pixels, {plan.batch} pictures; {plain:.0f} and {half:.0f} ms"
    return row("gan.step.bf16_speedup", statistics.median(ratios), told)


def _training(pictures: NDArray[np.uint8], plan: Any, dtype: str) -> Any:
    from engines.image.gan.training import Training

    choice = Choice("cpu", dtype, "to be measured")
    made = Training(pictures, Path("unused"), plan, None, lambda: False, "", Eyes(choose=lambda: choice), choice)
    made.discriminator.get_used(made._real(64, PICTURES))
    return made


def breed_rows(turns: int) -> Iterator[Row]:
    """Sixteen children of two parents by the engine, as a round makes them. What the weights are does not matter: they are chance's."""
    for size in ("64", "128"):
        children = _children(size)
        children()
        taken = [_milliseconds(children) for _ in range(turns)]
        told = f"median of {turns}, {min(taken):.0f} to {max(taken):.0f} ms, two parents, float32"
        yield row(f"gan.breed16_{size}_ms", statistics.median(taken), told)


def _children(size: str) -> Callable[[], object]:
    """A round of the engine `gan`, its parents known: pictures that the same GAN made."""
    from engines.image import GAN, breeding
    from engines.image.gan import ganfile, networks
    from engines.image.gan.plan import Plan

    plan = replace(Plan(), size=size, network="stylegan2")
    weights = {ganfile.GENERATOR + name: value for name, value in networks.generator(plan).state_dict().items()}
    maker = breeding.Maker.of(ganfile.Gan("chance", plan, weights, {}, b"", ""))
    engine, own = breeding.Breeder(), ["sha256:" + digit * 64 for digit in "0ab"]
    engine._makers[own[0]] = maker
    for seed, ref in enumerate(own[1:]):
        engine._parents._remember(own[0], ref, maker.stranger(GAN.options(), seed))
    given = {f"{kind}:{ref}": 0.5 for kind in GAN.weights for ref in own[1:]}
    brief = GAN.check(
        Brief(mode="image", styles={own[0]: 1.0}, weights=given, variants=CHILDREN, size=int(size), engine=GAN.name)
    )
    knobs = GAN.space(brief).yours
    settings = [Setting(knobs, seed) for seed in range(CHILDREN)]
    return lambda: list(engine.run(brief, settings, StandIn(np.zeros((1, 1, 3), np.uint8)), lambda: False))


def toy_row(turns: int) -> Row:
    """The game in the plane as the page plays it: a step, what is seen then, and the line that is sent, in a thread of its own."""
    from engines.device import compute_alone
    from engines.image.gan import toy
    from studio.toy import frame

    def play() -> tuple[float, float]:
        began, used = time.perf_counter(), time.thread_time()
        for _ in range(STEPS):
            game.step()
            json.dumps(frame(game))
        return STEPS / (time.perf_counter() - began), 1000 * (time.thread_time() - used) / STEPS

    game = toy.Toy(toy.preset("ring"))
    with ThreadPoolExecutor(1, initializer=compute_alone) as alone:
        taken = [alone.submit(play).result() for _ in range(turns + 1)][1:]
    rates, costs = zip(*taken, strict=True)
    told = f"median of {turns}, {min(rates):.0f} to {max(rates):.0f}, every step shown, in one thread; "
    told += f"{statistics.median(costs):.1f} ms of the processor each"
    return row("gan.toy.steps_per_s", statistics.median(rates), told)


def recall_row(pictures: Sequence[NDArray[np.uint8]], base: Path = BASE) -> Row:
    """How many of the pictures that the base never saw lie among its samples, of which there are as many."""
    from engines.image.gan import ganfile, networks
    from engines.image.gan.measures import quality

    if not base.is_file():
        return row("gan.recall", None, "No base is shipped yet.")
    found = ganfile.load(base.read_bytes(), base.name)
    generator = networks.generator(found.plan).eval()
    found.into(generator)
    told = quality(pictures, networks.samples(generator, len(pictures)))
    detail = f"{told.real} held-out pictures and {told.made} samples, untruncated: precision {told.precision:.2f}, "
    return row("gan.recall", told.recall, f"{detail}Frechet {told.frechet:.3f}, kernel {told.kernel:.4f}")


def transfer_row(pictures: Sequence[NDArray[np.uint8]], minutes: float = MINUTES, base: Path = BASE) -> Row:
    """How much nearer samples come to few pictures in the same time from the base than from nothing, by their kernel distance."""
    if not base.is_file():
        return row("gan.transfer.gain", None, "No base is shipped yet.")
    far = [kernel_after(pictures, minutes, base if begun else None) for begun in (False, True)]
    told = f"{minutes:g} minutes each on {len(pictures)} held-out pictures, as many samples; "
    told += f"{far[0]:.3f} from nothing, {far[1]:.3f} from the base"
    return row("gan.transfer.gain", far[0] / far[1] if far[1] > 0 else None, told)


def kernel_after(pictures: Sequence[NDArray[np.uint8]], minutes: float, base: Path | None) -> float:
    """The kernel distance of samples from the pictures that they learned from for so long."""
    from engines.image.gan import ganfile, networks
    from engines.image.gan.measures import quality
    from engines.image.gan.plan import Plan
    from engines.image.gan.training import train

    plan = replace(Plan(), minutes=minutes)
    begun = ganfile.load(base.read_bytes(), base.name) if base else None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, f"few{ganfile.SUFFIX}")
        for _ in train(np.stack(pictures), out, plan, begun):
            pass
        found = ganfile.load(out.read_bytes(), out.name)
    generator = networks.generator(found.plan).eval()
    found.into(generator)
    return quality(pictures, networks.samples(generator, len(pictures))).kernel


def icons_of(drawn: Any, held_out: bool, side: int = 64) -> list[NDArray[np.uint8]]:
    """The icons of concepts that nothing was trained on, or those of all others, on white."""
    found = []
    for concept, pixels in zip(drawn.concept, drawn.pictures, strict=True):
        if drawn.concepts[concept].held_out is held_out:
            white = Image.new("RGBA", pixels.shape[:2], "white")
            white.alpha_composite(Image.fromarray(pixels))
            found.append(np.array(white.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)))
    return found


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)
