"""A small drawing made as large as its picture, along the picture's own edges.

He, Sun, Tang 2013, "Guided image filtering", with the guide in colour (equations 14 to 16); its coefficients are found at the small
size and enlarged (He and Sun 2015, "Fast guided filter", algorithm 2).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

RADIUS = 2  # small pixels that a place looks at, each way
EVEN = 1e-3  # variance of the guide below which it counts as even, and the drawing is enlarged as it is


def enlarged(drawn: Tensor, small: Tensor, large: Tensor, radius: int = RADIUS, even: float = EVEN) -> Tensor:
    """drawn and small (the picture at the same size): (1, 3, h, w), large (the picture): (1, 3, H, W) -> (1, 3, H, W), all in 0-1.

    In each neighbourhood the drawing is taken to be a linear function of the picture's colours: where the picture has an edge, so has
    the result, and where it is even, the result is as even as the drawing.
    """
    if drawn.shape == large.shape:
        return drawn
    mean, mean_drawn = box(small, radius), box(drawn, radius)
    eye = even * torch.eye(3, device=drawn.device)
    variance = products(small, small, radius) - outer(mean, mean) + eye  # (1, h, w, 3, 3)
    covariance = products(small, drawn, radius) - outer(mean, mean_drawn)
    slope = torch.linalg.solve(variance, covariance)
    base = mean_drawn - applied(slope, mean)
    height, width = slope.shape[1:3]
    planes = torch.cat((slope.reshape(1, height, width, 9).movedim(-1, 1), base), 1)
    planes = functional.interpolate(box(planes, radius), large.shape[2:], mode="bilinear", align_corners=False)
    slope = planes[:, :9].movedim(1, -1).reshape(1, *large.shape[2:], 3, 3)
    return (applied(slope, large) + planes[:, 9:]).clamp(0, 1)


def products(one: Tensor, other: Tensor, radius: int) -> Tensor:
    """The mean product of each channel of one with each of the other: (1, 3, h, w) twice -> (1, h, w, 3, 3)."""
    planes = (one[:, :, None] * other[:, None]).flatten(1, 2)
    return box(planes, radius).movedim(1, -1).reshape(1, *one.shape[2:], 3, 3)


def outer(one: Tensor, other: Tensor) -> Tensor:
    return (one[:, :, None] * other[:, None]).permute(0, 3, 4, 1, 2)


def applied(slope: Tensor, picture: Tensor) -> Tensor:
    """(1, h, w, 3, 3), (1, 3, h, w) -> (1, 3, h, w)."""
    return torch.einsum("nhwij,nihw->njhw", slope, picture)


def box(x: Tensor, radius: int) -> Tensor:
    """The mean over a square around each place, as much of it as lies inside."""
    return functional.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
