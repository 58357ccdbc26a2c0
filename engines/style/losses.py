"""What a picture by optimisation is judged with: content, style and smoothness, each a small module of its own.

Gatys, Ecker, Bethge 2016, "Image style transfer using convolutional neural networks": content is what a deep layer of VGG sees,
equation 1; style is how the channels of each layer go together, their Gram matrix, equations 3 to 5. Regions are as in Gatys et al.
2017, "Controlling perceptual factors in neural style transfer", section 4.1: guided Gram matrices.

Departures. Each layer's loss is a share of its target's own size, so that 1 is as far off as a black layer would be, whatever the
layer and the picture: the paper's constants 1 / 4 N^2 M^2 leave shallow and deep layers orders of magnitude apart. Gram matrices
are means over the picture rather than sums, so that style pictures of any size can be compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..api import EngineError

TINY = 1e-6  # of a target that is nearly nothing: a layer that sees no more than that has nothing to say


def rows(layer: Tensor) -> Tensor:
    """A layer's places in float32, one a row: (1, C, h, w) in memory channels last -> (h w, C), without a copy in float32."""
    return layer[0].permute(1, 2, 0).flatten(0, 1).float()


def gram(layer: Tensor, guide: Tensor | None = None) -> Tensor:
    """How channels go together: (1, C, h, w) -> (C, C), the mean over places of the products of every two channels.

    `guide`, (h, w), weighs the places (Gatys et al. 2017, equation 3, whose T is the square root of ours, of sum 1).
    """
    places = rows(layer)  # (M, C)
    if guide is None:
        return places.T @ places / len(places)
    shares = guide.flatten()[:, None] / guide.sum().clamp(min=TINY)
    return (places * shares).T @ places


class ContentLoss(nn.Module):
    """Squared difference of what a layer sees, over what it saw of the content (Gatys et al. 2016, equation 1)."""

    target: Tensor
    size: Tensor

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.register_buffer("target", rows(target.detach()))  # (M, C)
        self.register_buffer("size", self.target.square().mean() + TINY)

    def forward(self, layer: Tensor) -> Tensor:
        return (rows(layer) - self.target).square().mean() / self.size


class StyleLoss(nn.Module):
    """Squared difference of Gram matrices over the target's (Gatys et al. 2016, equation 4). A mix of styles has the mean of theirs."""

    target: Tensor
    size: Tensor

    def __init__(self, target: Tensor, guide: Tensor | None = None) -> None:
        super().__init__()
        self.guide = guide  # (h, w) at this layer, or everywhere
        self.register_buffer("target", target.detach())  # (C, C)
        self.register_buffer("size", self.target.square().sum() + TINY)

    def forward(self, layer: Tensor) -> Tensor:
        return (gram(layer, self.guide) - self.target).square().sum() / self.size


class Variation(nn.Module):
    """Squared differences of neighbours, mean over the picture (total variation with beta = 2: Mahendran and Vedaldi 2015, section 3)."""

    def forward(self, picture: Tensor) -> Tensor:
        down, right = picture.diff(dim=2), picture.diff(dim=3)
        return down.square().mean() + right.square().mean()


@dataclass(frozen=True)
class Weights:
    """How much each part counts. Raises `EngineError` where there would be nothing to follow."""

    content: float
    style: Mapping[str, float]  # by layer
    smoothness: float

    def __post_init__(self) -> None:
        if not self.content > 0 and not sum(self.style.values()) > 0:
            raise EngineError(
                "Content and style both have weight 0.", "Give one of them a weight: there is nothing to paint after."
            )


@dataclass(frozen=True)
class Region:
    """Where a style belongs: its Gram matrix by layer, and what of each place is its own, (H, W) in 0-1, or all of it."""

    grams: Mapping[str, Tensor]
    share: Tensor | None = None

    @property
    def area(self) -> float:
        """Its part of the picture. A region counts by it, so that every place counts the same."""
        return 1.0 if self.share is None else float(self.share.mean())


class Objective(nn.Module):
    """All losses of one picture at one size."""

    def __init__(self, content: Mapping[str, Tensor], regions: Sequence[Region], weights: Weights) -> None:
        """content: the layer that content is compared in, by name, (1, C, h, w)."""
        super().__init__()
        self.weights = weights
        self.content = nn.ModuleDict({name: ContentLoss(layer) for name, layer in content.items()})
        self.regions = [(region, region.area) for region in regions]
        self.style: dict[str, list[StyleLoss]] = {name: [] for name, weight in weights.style.items() if weight > 0}
        self.variation = Variation()

    @property
    def layers(self) -> list[str]:
        return list(dict.fromkeys([*self.style, *self.content]))

    def forward(self, picture: Tensor, seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every part's loss before its weight: `content:<layer>`, `style:<layer>` and `smoothness`."""
        found = {f"content:{name}": loss(seen[name]) for name, loss in self.content.items()}
        for name, losses in self.style.items():
            if not losses:  # how large a layer is is known once it was seen
                losses += [
                    StyleLoss(region.grams[name], fitting(region.share, seen[name])) for region, _ in self.regions
                ]
            parts = (area * loss(seen[name]) for loss, (_, area) in zip(losses, self.regions, strict=True))
            found[f"style:{name}"] = sum(parts, start=picture.new_zeros(()))
        return found | {"smoothness": self.variation(picture)}

    def total(self, found: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([self.weight(name) * value for name, value in found.items()]).sum()

    def weight(self, name: str) -> float:
        kind, _, layer = name.partition(":")
        return {"content": self.weights.content, "smoothness": self.weights.smoothness}.get(
            kind, self.weights.style.get(layer, 0.0)
        )


def fitting(share: Tensor | None, layer: Tensor) -> Tensor | None:
    """A region's share of each place of a layer, (H, W) -> (h, w)."""
    if share is None:
        return None
    size = (layer.shape[2], layer.shape[3])
    small = functional.interpolate(share[None, None], size, mode="bilinear", antialias=True, align_corners=False)
    return small[0, 0].clamp(0, 1).to(layer.device)
