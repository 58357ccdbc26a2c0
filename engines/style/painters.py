"""A few threads that paint one variant each, instead of many threads inside every operation.

An operation ends when its slowest thread does; there are hundreds in a picture, and where a browser shares the processor each of
them waits. Variants need not wait for each other before the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch

from .. import device

MOST = 4  # variants of a round

_lock = threading.Lock()

Job = TypeVar("Job")
Made = TypeVar("Made")


def paint_each(paint: Callable[[Job], Made], jobs: Sequence[Job], together: bool) -> Iterator[Made]:
    """What `paint` makes of each job, in order. Where `together`, several at a time; the first error ends it all.

    The caller's `paint` must give up soon once it should stop: nothing is left running when this returns.
    """
    if not together or len(jobs) < 2 or painters() < 2:
        yield from map(paint, jobs)
        return
    futures: list[Future[Made]] = [_threads().submit(paint, job) for job in jobs]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


def divided(jobs: Sequence[Job], most: int) -> list[Sequence[Job]]:
    """The jobs in order, in groups of nearly the same length: `most` at most, and one for each painter where there are enough."""
    if not jobs:
        return []
    groups = max(-(-len(jobs) // max(1, most)), min(len(jobs), painters()))
    edges = [len(jobs) * at // groups for at in range(groups + 1)]
    return [jobs[start:end] for start, end in pairwise(edges)]


def painters() -> int:
    """How many paint at the same time."""
    if device.choose().device != "cpu":
        return 1
    return min(MOST, torch.get_num_threads())


def alone(work: Callable[[], Made]) -> Made:
    """What `work` returns, from one painter: for many small operations, which would wait for each other's threads."""
    return _threads().submit(work).result()


def _threads() -> ThreadPoolExecutor:
    """The painters of this process: rounds and sheets of previews share them, and so the cores."""
    with _lock:
        return _made()


@cache
def _made() -> ThreadPoolExecutor:
    """As many painters as there are cores, four at most, which share the cores evenly."""
    cores, count = torch.get_num_threads(), painters()

    def begin() -> None:
        torch.get_num_threads()  # PyTorch sets a thread's number when first asked, and would undo what comes next
        torch.set_num_threads(cores // count)

    pool = ThreadPoolExecutor(count, thread_name_prefix="painter", initializer=begin)
    all_here = threading.Barrier(count + 1)
    for _ in range(count):
        pool.submit(all_here.wait)
    all_here.wait()
    torch.set_num_threads(cores)  # the number is also what new threads begin with, so it is put back
    return pool
