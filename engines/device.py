"""Where the engines run: device, number type and threads, chosen once, with the reason in words."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

from .errors import EngineError

CONTAINER = Path("/sys/fs/cgroup")  # where Linux tells what this process may use
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Choice:
    device: str  # "cuda", "mps" or "cpu"
    dtype: str  # a key of `DTYPES`
    reason: str

    @property
    def torch_dtype(self) -> torch.dtype:
        return DTYPES[self.dtype]


@cache
def choose() -> Choice:
    """The device and number type of this process. `STUDIO_DEVICE` and `STUDIO_DTYPE` overrule; `EngineError` where they cannot."""
    device, dtype, reason = _found()
    asked_device, asked_dtype = os.environ.get("STUDIO_DEVICE"), os.environ.get("STUDIO_DTYPE")
    if asked_device and asked_device != device:
        _require("STUDIO_DEVICE", asked_device, _devices())
        device, dtype, reason = asked_device, "float32", "as STUDIO_DEVICE says"
    if asked_dtype and asked_dtype != dtype:
        _require("STUDIO_DTYPE", asked_dtype, list(DTYPES))
        dtype, reason = asked_dtype, f"{reason}, in {asked_dtype} as STUDIO_DTYPE says"
    return Choice(device, dtype, reason)


def _found() -> tuple[str, str, str]:
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "cuda", "bfloat16", f"{name} computes bfloat16 itself"
        return "cuda", "float32", f"{name} has no bfloat16"
    if torch.backends.mps.is_available():
        return "mps", "float32", "an Apple GPU; float32 keeps the normalisation exact there"
    if fast_bfloat16():
        return "cpu", "bfloat16", "no GPU; this processor multiplies bfloat16 itself, several times faster than float32"
    return "cpu", "float32", "no GPU; this processor would only emulate bfloat16, many times slower than float32"


def fast_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16: AVX512-BF16 or AMX. Asking PyTorch whether bfloat16 *works* says yes too often."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


@cache
def quickest() -> Choice:
    """The choice for training, which goes the way back, too: float32 where that was faster when it was tried. Some processors with
    AVX512-BF16 but without AMX need twice the time in bfloat16."""
    chosen = choose()
    if chosen.device != "cpu" or chosen.dtype != "bfloat16" or os.environ.get("STUDIO_DTYPE"):
        return chosen
    taken = {dtype: timed(dtype) for dtype in (torch.float32, torch.bfloat16)}
    if taken[torch.bfloat16] < taken[torch.float32]:
        return chosen
    return Choice("cpu", "float32", "float32 was faster than bfloat16 when it was tried")


def timed(dtype: torch.dtype, count: int = 5) -> float:
    """Seconds of a convolution as the networks have them, there and back; the least of a few."""
    form: Any = {"dtype": dtype, "memory_format": torch.channels_last}
    x = torch.randn(8, 64, 32, 32).to(**form).requires_grad_()
    kernel = torch.randn(64, 64, 3, 3).to(**form).requires_grad_()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        torch.autograd.grad(torch.nn.functional.conv2d(x, kernel, padding=1).sum(), (x, kernel))
        taken.append(time.perf_counter() - began)
    return min(taken)


def _devices() -> list[str]:
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, here in found.items() if here]


def _require(key: str, value: str, allowed: list[str]) -> None:
    if value not in allowed:
        raise EngineError(
            "{key} is {value!r}.", "Here it can be: {allowed}.", key=key, value=value, allowed=", ".join(allowed)
        )


def available_memory() -> int:
    """Bytes that this process can still take: on the GPU where there is one, else what the system or its container has left."""
    if choose().device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    free = int(psutil.virtual_memory().available)
    try:  # a container's own limit, which the system does not tell; its cached files can be let go
        most, used = (int((CONTAINER / file).read_text()) for file in ("memory.max", "memory.current"))
        lines = (CONTAINER / "memory.stat").read_text().splitlines()
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return min(free, max(0, most - used + cached))
    except (OSError, ValueError, StopIteration, IndexError):
        return free


def peak_memory_mb() -> float:
    """The most memory this process has had so far: on the GPU where there is one, else resident; 0 where nobody can tell."""
    if choose().device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
