"""Image engines: a painter of sketches and words, faces and things from chance. Facts only; torch loads with the engines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..api import Engine, EngineInfo, option
from ..errors import BriefError
from ..registry import register
from ..weights import GROUPS

PAINTED_STYLES = ("shaded", "vivid", "plain")  # in the order in which the painter learned them
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
MOST_COLOURS = 3


@dataclass(frozen=True)
class PainterOptions:
    drawing: str = option(
        "1",
        choices=("1", "2", "3", "4"),
        knob=True,
        help="Which of the drawings that the words lead to, where you drew none.",
    )
    jitter: float = option(0.0, low=0, high=1, step=0.01, knob=True, help="How far things stray from their places.")
    guidance: float = option(
        1.0,
        low=0,
        high=3,
        step=0.05,
        knob=True,
        help="How much the words say against the sketch; 0 paints by the lines alone.",
    )
    lines: float = option(
        0.35, low=0, high=1, step=0.01, knob=True, help="How dark the lines are drawn over the colours."
    )
    hue: float = option(0.0, low=-0.5, high=0.5, step=0.01, knob=True, help="Turns all colours around the wheel.")
    saturation: float = option(1.0, low=0, high=2, step=0.01, knob=True, help="How colourful it is.")
    lightness: float = option(0.0, low=-0.3, high=0.3, step=0.01, knob=True, help="Darker or lighter.")
    contrast: float = option(1.0, low=0.5, high=1.5, step=0.01, knob=True, help="How far light and dark lie apart.")
    mood: float = option(
        0.0, low=-2, high=2, step=0.05, knob=True, help="One way in which the painter varies what the words leave open."
    )
    accent: float = option(0.0, low=-2, high=2, step=0.05, knob=True, help="Another such way.")
    natural: bool = option(
        True,
        advanced=True,
        help="Where no colour is named, things have colours that artists gave to such things; else the painter decides.",
    )
    palette: str = option("", help="Up to three colours to paint with, such as #d92b2b #f4f4f4.")
    read_as: str = option(
        "auto",
        choices=("auto", "lines", "photo"),
        advanced=True,
        help="Whether the sketch is lines, or a photo to find lines in.",
    )
    detail: float = option(
        0.5, low=0, high=1, step=0.01, advanced=True, help="How many of a photo's or a drawing's lines are used."
    )
    line_weight: float = option(1.0, low=0.5, high=3, step=0.1, advanced=True, help="How thick the lines are.")
    clean: float = option(
        0.3, low=0, high=1, step=0.05, advanced=True, help="How large the specks are that are taken out."
    )

    def check(self) -> None:
        colours = self.palette.replace(",", " ").split()
        if len(colours) > MOST_COLOURS or not all(COLOUR.fullmatch(each) for each in colours):
            raise BriefError(
                "{key} is {value!r}.",
                "It must be {kind}.",
                key="options.palette",
                value=self.palette,
                kind="up to three colours such as #d92b2b",
            )


PAINTER = EngineInfo(
    name="painter",
    mode="image",
    version="3",
    summary="Your sketch and your words become a painting, at once.",
    options=PainterOptions,
    needs_one=("prompt", "sketch"),
    styles=PAINTED_STYLES,
    file_styles="painter",
    models=("outlines", "minilm-l6-v2", "hed-vgg16"),
    random=True,
)


WAYS = tuple(
    f"way_{at}" for at in range(1, 9)
)  # the directions in which a GAN's pictures differ most, the first the most


@dataclass(frozen=True)
class Ways:
    """Where a picture lies along them."""

    way_1: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_2: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_3: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_4: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_5: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_6: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_7: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )
    way_8: float = option(
        0.0, low=-2.5, high=2.5, step=0.05, knob=True, help="One of the ways in which they differ, the first the most."
    )


@dataclass(frozen=True)
class BredOptions(Ways):
    mutation: float = option(
        0.3,
        low=0,
        high=1,
        step=0.01,
        knob=True,
        beside="weights",
        help="How far children stray from what their parents give them; at 1 they are strangers.",
    )

    @property
    def rest(self) -> float:
        """How far a picture without parents strays from the mean besides the ways."""
        raise NotImplementedError


MOST_CHILDREN = 16  # of a round


@dataclass(frozen=True)
class FacesOptions(BredOptions):
    variety: float = option(
        0.8, low=0, high=1.2, step=0.05, help="How far faces without parents stray from the mean in all other ways."
    )

    @property
    def rest(self) -> float:
        return self.variety


FACES = EngineInfo(
    name="faces",
    mode="image",
    version="2",
    summary="Invents small faces, to breed and to see how a GAN works.",
    options=FacesOptions,
    weights={"parent": (0.0, 1.0)},
    side=64,
    models=("dcgan-faces", "hed-vgg16"),
    most=MOST_CHILDREN,
    random=True,
)


@dataclass(frozen=True)
class GanOptions(BredOptions):
    truncation: float = option(
        0.8,
        low=0,
        high=1.2,
        step=0.05,
        help="How far pictures without parents stray from the mean: less is plainer, more is stranger.",
    )

    @property
    def rest(self) -> float:
        return self.truncation


GAN = EngineInfo(
    name="gan",
    mode="image",
    version="2",
    summary="Breeds small pictures of a GAN that you trained.",
    options=GanOptions,
    needs=("styles",),
    file_styles="gan",
    weights=dict.fromkeys(GROUPS, (0.0, 1.0)),
    models=("hed-vgg16",),
    most=MOST_CHILDREN,
    random=True,
)


ICONS = EngineInfo(
    name="icons",
    mode="image",
    version="1",
    summary="Invents small drawings, by a GAN that we trained on emoji.",
    options=GanOptions,
    weights=dict.fromkeys(GROUPS, (0.0, 1.0)),
    models=("hed-vgg16",),
    most=MOST_CHILDREN,
    random=True,
)


def _icons() -> Engine:
    from .breeding import Icons

    return Icons()


def _gan() -> Engine:
    from .breeding import Breeder

    return Breeder()


def _faces() -> Engine:
    from .faces import Faces

    return Faces()


def _painter() -> Engine:
    from .painter import Painter

    return Painter()


register(PAINTER, _painter)
register(FACES, _faces)
register(ICONS, _icons)
register(GAN, _gan)
