"""Engine `style-codes`: any picture as a style (Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural
artistic stylization network"). A network reads a picture's style as 100 numbers; from these come the scales and shifts of the
network that paints. Codes are averaged by weight, and drawn towards the content's own code by what `strength` leaves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .. import device, store
from ..api import Brief, Pictures, Pixels
from . import CODES, StyleOptions
from .arithmetic import Norm
from .network import Kernels, StyleNetwork
from .painters import alone
from .painting import StyleEngine

SIDE = 256  # pixels; the predictor was trained on squares of this side
REMEMBERED = 64  # codes of pictures seen last
BLOCKS = 17  # of MobileNetV2, table 2 of Sandler et al. 2018
STRIDES = {1: 2, 3: 2, 6: 2, 13: 2}  # block -> stride, 1 for the others
LAYERS = (
    *(f"residual/residual{block}/conv{at}" for block in range(1, 6) for at in (1, 2)),
    *(f"expand/conv{at}/conv" for at in (1, 2, 3)),
)


class StyleCodes(StyleEngine):
    """`strength` moves the style's code away from the content's own; at 0 the picture is painted in its own style."""

    info = CODES

    def __init__(self) -> None:
        super().__init__()
        self._codes: OrderedDict[str, Tensor] = OrderedDict()

    def load(self) -> StyleNetwork:
        self._predictor = store.tensors("style-codes", "arbitrary_predict.safetensors")
        found = store.tensors("style-codes", "arbitrary_transform.safetensors")
        self._heads = [
            tuple(
                (found[f"{name}/weights"].flatten(1), found[f"{name}/Conv2D_bias"])
                for name in (f"style_params/transformer/{layer}/StyleNorm/{part}" for part in ("Conv_1", "Conv"))
            )
            for layer in LAYERS
        ]
        return StyleNetwork(kernels(found), device.choose())

    def norms(self, brief: Brief, own: Callable[[], Tensor], pictures: Pictures) -> Mapping[str, Sequence[Norm]]:
        """A style's code, moved towards the content's by what strength leaves, as gamma and beta of every layer."""
        strength = StyleOptions(**brief.options).strength
        codes = {name: self.code(name, pictures) for name in brief.styles}
        if strength < 1:
            codes = {name: own().lerp(code, strength) for name, code in codes.items()}
        return {name: self.parameters(code) for name, code in codes.items()}

    def own_style(self, content: Pixels) -> Tensor:
        self.network()
        return alone(lambda: predict(self._predictor, content))

    def finish(self, painted: Tensor, content: Tensor, options: StyleOptions, cover: Tensor | None) -> Tensor:
        """Strength is in the code already: only the brush and the kept colours are left."""
        return super().finish(painted, content, StyleOptions(1.0, options.preserve_color), cover)

    def code(self, reference: str, pictures: Pictures) -> Tensor:
        """The 100 numbers of a picture's style, remembered by its reference."""
        self.network()
        if reference not in self._codes:
            pixels = pictures(reference)
            self._codes[reference] = alone(lambda: predict(self._predictor, pixels))
            while len(self._codes) > REMEMBERED:
                self._codes.popitem(last=False)
        self._codes.move_to_end(reference)
        return self._codes[reference]

    def parameters(self, code: Tensor) -> list[Norm]:
        """(100,) -> gamma and beta, each (C,), of every normalised layer."""
        to = device.choose().device
        return [
            (functional.linear(code, *gamma).to(to), functional.linear(code, *beta).to(to))
            for gamma, beta in self._heads
        ]


def kernels(found: Mapping[str, Tensor]) -> Kernels:
    """The convolutions from the file's tensors. Its contracting part is not normalised and has biases."""
    contract = [f"transformer/contract/conv{at}" for at in (1, 2, 3)]
    expand = [found[f"transformer/expand/conv{at}/conv/weights"] for at in (1, 2, 3)]
    residual = [f"transformer/residual/residual{block}" for block in range(1, 6)]
    first, second, third = (found[f"{name}/weights"] for name in contract)
    biases = [found[f"{name}/Conv2D_bias"] for name in contract]
    return Kernels(
        contract=(first, second, third),
        residual=tuple((found[f"{name}/conv1/weights"], found[f"{name}/conv2/weights"]) for name in residual),
        expand=(expand[0], expand[1], expand[2]),
        contract_bias=(biases[0], biases[1], biases[2]),
    )


@torch.inference_mode()
def predict(found: Mapping[str, Tensor], pixels: Pixels) -> Tensor:
    """A picture's style code: (H, W, 3) uint8 -> (100,). MobileNetV2 in float32 on the CPU; it takes milliseconds."""
    square = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    x = torch.from_numpy(np.array(square, dtype=np.float32) / 255).permute(2, 0, 1)[None]
    x = x.contiguous(memory_format=torch.channels_last)
    x = _layer(found, x, "MobilenetV2/Conv", stride=2)
    for block in range(BLOCKS):
        name, stride = f"MobilenetV2/expanded_conv{f'_{block}' if block else ''}", STRIDES.get(block, 1)
        y = _layer(found, x, f"{name}/expand") if block else x
        y = _layer(found, y, f"{name}/depthwise", stride=stride, depthwise=True)
        y = _layer(found, y, f"{name}/project", bounded=False)
        x = x + y if x.shape == y.shape else y
    x = _layer(found, x, "MobilenetV2/Conv_1").mean((2, 3), keepdim=True)
    return _layer(found, x, "mobilenet_conv/Conv", bounded=False).flatten()


def _layer(
    found: Mapping[str, Tensor], x: Tensor, name: str, stride: int = 1, depthwise: bool = False, bounded: bool = True
) -> Tensor:
    """A convolution padded as TensorFlow pads ("SAME": one more at the far side where it is odd), then relu6."""
    kernel = found[f"{name}/depthwise_weights" if depthwise else f"{name}/weights"]
    bias = found[f"{name}/depthwise_bias" if depthwise else f"{name}/Conv2D_bias"]
    total = kernel.shape[2] - stride if kernel.shape[2] > 1 else 0
    near, far = total // 2, total - total // 2
    x = functional.pad(x, (near, far, near, far))
    x = functional.conv2d(x, kernel, bias, stride, groups=x.shape[1] if depthwise else 1)
    return x.clamp_(0, 6) if bounded else x
