"""Engine `style-bank`: 26 painting styles in one network (Dumoulin, Shlens, Kudlur 2017), mixed by their weights, and with them any
style of one's own that `training.py` made for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from .. import device, store
from ..api import Brief, Pictures
from . import BANK, BANK_STYLES, stylefile
from .arithmetic import Norm
from .network import Kernels, StyleNetwork
from .painting import StyleEngine

MODEL, FILE = "style-bank-26", "multistyle26.safetensors"  # of the store
REMEMBERED = 64  # styles from files that were used last
RESIDUAL_BLOCKS = 6
LAYERS = (
    *(f"contract.{at}" for at in range(3)),
    *(f"res.{block}.{at}" for block in range(RESIDUAL_BLOCKS) for at in range(2)),
    *(f"expand.{at}" for at in range(3)),
)


class StyleBank(StyleEngine):
    """`strength` blends the painted picture with the content."""

    info = BANK

    def __init__(self) -> None:
        super().__init__()
        self._own: OrderedDict[str, Sequence[Norm]] = OrderedDict()

    def load(self) -> StyleNetwork:
        found = store.tensors(MODEL, FILE)
        self._rows, self._digest = rows(found), store.sha256(MODEL)
        return StyleNetwork(kernels(found), device.choose())

    def norms(self, brief: Brief, own: Callable[[], Tensor], pictures: Pictures) -> Mapping[str, Sequence[Norm]]:
        self.network()
        return {
            name: self._rows[BANK_STYLES.index(name)] if name in BANK_STYLES else self._of_file(name, pictures)
            for name in brief.styles
        }

    def style(self, data: bytes, name: str = "") -> stylefile.Style:
        """A style of a file's bytes. Raises `EngineError` where it is none of this network."""
        self.network()
        widths = [len(gamma) for gamma, _ in self._rows[0]]
        return stylefile.load(data, LAYERS, widths, self._digest, name)

    def _of_file(self, ref: str, pictures: Pictures) -> Sequence[Norm]:
        """The stored style, remembered by its reference."""
        if ref not in self._own:
            to = device.choose().device
            self._own[ref] = [(gamma.to(to), beta.to(to)) for gamma, beta in self.style(pictures.data(ref)).row]
            while len(self._own) > REMEMBERED:
                self._own.popitem(last=False)
        self._own.move_to_end(ref)
        return self._own[ref]


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
