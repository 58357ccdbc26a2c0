"""Engine `style-network`: styles that have a network of their own each, which `training.py` made; a mix is the mean of what they paint.

Johnson, Alahi, Fei-Fei 2016, "Perceptual losses for real-time style transfer and super-resolution". Networks that were trained apart
have no parameters that could be mixed, so their paintings are: each is made once, whatever the weights of the variants.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from .. import device
from ..api import Brief, Pictures, Pixels, Setting
from . import NETWORK, StyleOptions, stylefile
from .arithmetic import Norm
from .network import StyleNetwork
from .painting import Painted, StyleEngine, brushes, fitted, shared, to_pixels

REMEMBERED = 8  # networks from files that were used last


class StyleNetworks(StyleEngine):
    """`strength` blends the painted picture with the content."""

    info = NETWORK

    def __init__(self) -> None:
        super().__init__()
        self._own: OrderedDict[str, tuple[StyleNetwork, Sequence[Norm]]] = OrderedDict()

    def style(self, data: bytes, name: str = "") -> stylefile.Own:
        """A style of a file's bytes. Raises `EngineError` where it is none that has a network."""
        return stylefile.load_network(data, name)

    def forget(self) -> None:
        for network, _ in list(self._own.values()):
            network.forget()

    def _painted(
        self,
        brief: Brief,
        settings: Sequence[Setting],
        source: Pixels,
        pictures: Pictures,
        size: int,
        check: Callable[[], None],
        in_groups: bool = False,
    ) -> Iterator[Painted]:
        content = torch.from_numpy(fitted(source, size)).float().div_(255)  # (H, W, 3)
        masks = brushes(brief, pictures, (content.shape[0], content.shape[1]))
        made: dict[str, Tensor] = {}  # by style, (H, W, 3)
        for setting in settings:
            began, applied = time.perf_counter(), brief.apply(setting.knobs)
            weights = {name: weight for name, weight in applied.styles.items() if weight > 0}
            for name in weights:
                if name not in made:
                    network, row = self._of_file(name, pictures)
                    made[name] = network.paint(network.prepare(content, check), [row], check)[0]
                check()
            painted, cover = blended(made, weights, {name: mask for name, mask in masks.items() if name in weights})
            image = self.finish(painted, content, StyleOptions(**applied.options), cover)
            yield Painted(to_pixels(image), time.perf_counter() - began)

    def _of_file(self, ref: str, pictures: Pictures) -> tuple[StyleNetwork, Sequence[Norm]]:
        """The stored network and its row, remembered by its reference."""
        with self._lock:
            if ref not in self._own:
                own, choice = self.style(pictures.data(ref)), device.choose()
                row = [(gamma.to(choice.device), beta.to(choice.device)) for gamma, beta in own.row]
                self._own[ref] = StyleNetwork(own.kernels, choice), row
                while len(self._own) > REMEMBERED:
                    self._own.popitem(last=False)
            self._own.move_to_end(ref)
            return self._own[ref]


def blended(
    made: Mapping[str, Tensor], weights: Mapping[str, float], masks: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor | None]:
    """The weighted mean of paintings, (H, W, 3), by place where styles are brushed; then with how much is covered, (H, W)."""
    paintings = torch.stack([made[name] for name in weights])  # (S, H, W, 3)
    if masks:
        shares, cover = shared(weights, masks)
        return (shares[..., None] * paintings).sum(0), cover
    return torch.tensordot(torch.tensor(list(weights.values())), paintings, 1), None
