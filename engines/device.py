"""Where the engines run: device, number type and threads, chosen once, with the reason in words."""

from __future__ import annotations

import os
import platform
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import torch

from .errors import EngineError

CPUINFO = Path("/proc/cpuinfo")
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
    return "cpu", "float32", "no GPU; this processor is faster in float32"


def fast_bfloat16() -> bool:
    """Whether the CPU is faster in bfloat16: by AMX, or on AMD by AVX512-BF16. Asking PyTorch whether bfloat16 *works* says yes too often.

    Measured on two cores: an AMD EPYC with AVX512-BF16 convolves five times as fast as in float32, an Intel Xeon with it but without
    AMX half as fast. It is not tried out each time: what a brief becomes must not depend on how busy the machine is.
    """
    amx, avx = (
        getattr(torch.cpu, name, lambda: False)() for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return bool(amx or (avx and "AuthenticAMD" in processor()))


def processor() -> str:
    """What the system says of its first processor, the maker among it."""
    try:
        return CPUINFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:  # no Linux
        return platform.processor()


def compute_alone() -> None:
    """From now on the thread that calls this computes without helpers, which tiny networks wait for longer than they work (on two busy
    cores a hundred times as long). Other threads keep theirs: OpenMP's count is each thread's own, the rest is put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(before,), name="threads as before")
    other.start()
    other.join()


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
