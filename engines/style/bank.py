"""Engine `style-bank`: 26 painting styles in one network (Dumoulin, Shlens, Kudlur 2017), mixed by their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from .. import device, store
from ..api import Brief, Pictures
from . import BANK, BANK_STYLES
from .arithmetic import Norm
from .network import Kernels, StyleNetwork
from .painting import StyleEngine

RESIDUAL_BLOCKS = 6
LAYERS = (
    *(f"contract.{at}" for at in range(3)),
    *(f"res.{block}.{at}" for block in range(RESIDUAL_BLOCKS) for at in range(2)),
    *(f"expand.{at}" for at in range(3)),
)


class StyleBank(StyleEngine):
    """`strength` blends the painted picture with the content."""

    info = BANK

    def load(self) -> StyleNetwork:
        found = store.tensors("style-bank-26", "multistyle26.safetensors")
        self._rows = rows(found)
        return StyleNetwork(kernels(found), device.choose())

    def norms(self, brief: Brief, own: Callable[[], Tensor], pictures: Pictures) -> Mapping[str, Sequence[Norm]]:
        self.network()
        return {name: self._rows[BANK_STYLES.index(name)] for name in brief.styles}


def kernels(found: Mapping[str, Tensor]) -> Kernels:
    """The convolutions from the file's tensors."""
    return Kernels(
        contract=(found["contract.0.w"], found["contract.1.w"], found["contract.2.w"]),
        residual=tuple((found[f"res.{block}.0.w"], found[f"res.{block}.1.w"]) for block in range(RESIDUAL_BLOCKS)),
        expand=(found["expand.0.w"], found["expand.1.w"], found["expand.2.w"]),
    )


def rows(found: Mapping[str, Tensor]) -> list[list[Norm]]:
    """Each style's gamma and beta for every layer, on the chosen device. In the file they are (26, C)."""
    to = device.choose().device
    table = [(found[f"{layer}.norm.gamma"].to(to), found[f"{layer}.norm.beta"].to(to)) for layer in LAYERS]
    return [[(gamma[style], beta[style]) for gamma, beta in table] for style in range(len(BANK_STYLES))]
