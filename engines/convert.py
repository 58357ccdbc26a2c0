"""Each source of weights, turned once into what we load from then on: safetensors and JSON. Tensor names stay the source's."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def onnx(source: Path, target: Path) -> None:
    """`*.onnx` -> `<stem>.safetensors` of float32 initialisers; quantised ones are dequantised under the name of their node's output."""
    import numpy as np
    import onnx as onnx_format
    from onnx import numpy_helper
    from safetensors.numpy import save_file

    for file in sorted(source.rglob("*.onnx")):
        graph = onnx_format.load(str(file)).graph
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        found = {name: value for name, value in stored.items() if value.dtype == np.float32 and value.ndim > 0}
        for node in graph.node:
            if node.op_type != "DequantizeLinear" or node.input[0] not in stored:
                continue
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
            values, scale = stored[node.input[0]], stored[node.input[1]]
            zero = stored[node.input[2]] if len(node.input) > 2 else np.zeros_like(scale)
            if scale.size > 1:  # one scale a channel, along the axis
                shape = [-1 if at == axis else 1 for at in range(values.ndim)]
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            name = node.output[0].removesuffix("_dequant")
            found[name] = ((values.astype(np.float32) - zero.astype(np.float32)) * scale).astype(np.float32)
        save_file(
            {name: np.ascontiguousarray(value) for name, value in found.items()}, target / f"{file.stem}.safetensors"
        )


def keras(source: Path, target: Path) -> None:
    """`*.h5` -> `model.safetensors`; convolution kernels go from (h, w, in, out) to torch's (out, in, h, w)."""
    import h5py
    import numpy as np
    from safetensors.numpy import save_file

    found: dict[str, np.ndarray] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            value = np.asarray(item)
            found[name] = np.ascontiguousarray(value.transpose(3, 2, 0, 1) if value.ndim == 4 else value)

    for file in source.rglob("*.h5"):
        with h5py.File(file) as archive:
            archive.visititems(visit)
    save_file(found, target / "model.safetensors")


def gguf(source: Path, target: Path) -> None:
    """`*.gguf` -> a transformers folder in bfloat16 with its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils
    from transformers.utils import logging

    quiet: tuple[Callable[[], None], ...] = (logging.disable_progress_bar, logging.set_verbosity_error)
    for call in quiet:  # the store has its own bar, and nobody can act on the loader's remarks
        call()
    reader: Any = modeling_gguf_pytorch_utils
    reader.tqdm = lambda tensors, **_: tensors  # a bar of its own, which nothing else turns off
    build: Callable[..., torch.nn.Module] = AutoModelForCausalLM.from_config
    file = next(source.rglob("*.gguf"))
    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.bfloat16)
    if hasattr(read.config, "quantization_config"):
        del read.config.quantization_config
    plain: Any = build(read.config, dtype=torch.bfloat16)  # what was read refuses to be saved
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(target)
    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(target)


def dcgan(source: Path, target: Path) -> None:
    """A torch checkpoint, read without running any pickled code -> the generator's `model.safetensors`."""
    import torch
    from safetensors.torch import save_file

    checkpoint = torch.load(next(source.rglob("*.tar")), map_location="cpu", weights_only=True)
    state = checkpoint["netG_state_dict"]
    save_file({name: value.contiguous() for name, value in state.items()}, target / "model.safetensors")


def folder(source: Path, target: Path) -> None:
    """Files as they are, by their paths from the folder that holds them all."""
    for file, name in _named(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target / name)


def zip(source: Path, target: Path) -> None:
    """The same in one `files.zip`: ten thousand small files are slow on every disk. The same files give the same bytes."""
    with zipfile.ZipFile(target / "files.zip", "w") as archive:
        for file, name in _named(source):
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes(), zipfile.ZIP_DEFLATED)


def _named(source: Path) -> list[tuple[Path, str]]:
    """Every file, and its path from the deepest folder that holds them all."""
    files = sorted(file for file in source.rglob("*") if file.is_file())
    base = os.path.commonpath([file.parent for file in files])
    return [(file, file.relative_to(base).as_posix()) for file in files]


CONVERTERS: dict[str, Callable[[Path, Path], None]] = {
    "onnx": onnx,
    "keras": keras,
    "gguf": gguf,
    "dcgan": dcgan,
    "folder": folder,
    "zip": zip,
}
