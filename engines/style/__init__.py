"""Style engines: the bank of 26 painting styles, any picture as a style, any picture as a style by optimisation, styles with a network
of their own, and other hands that draw a picture again. Facts only; torch loads with the engines."""

from __future__ import annotations

from dataclasses import dataclass

from ..api import Engine, EngineInfo, option
from ..registry import register
from . import kinds

# In the order of the network's 26 rows, named for what one sees.
BANK_STYLES = (
    "honey-pastel",
    "lemon-ink",
    "pale-oil",
    "stained-glass",
    "warm-crayon",
    "sunset-strokes",
    "indigo-blossom",
    "bold-primaries",
    "bright-watercolour",
    "woodcut",
    "terracotta",
    "gilded-etching",
    "lavender-haze",
    "acid-fauve",
    "sea-mist",
    "pastel-shards",
    "dusk-crayon",
    "weave",
    "ochre-cubist",
    "starry-oil",
    "crimson-night",
    "peach-poster",
    "black-contour",
    "soft-twilight",
    "indigo-print",
    "broken-mosaic",
)

# The style pictures that come with the studio, by the names of their files in assets/styles.
DRAWN_STYLES = (
    "blue-tiles",
    "carved-lino",
    "chalk-on-black",
    "cut-paper",
    "dots-of-light",
    "gold-mosaic",
    "ink-wash",
    "leaded-window",
    "leaf-print",
    "neon-night",
    "stitched-thread",
    "thick-oil",
    "two-ink-screen",
    "wet-watercolour",
    "woodblock-waves",
)


# The hands of the translator that comes with the studio: the houses whose drawings it learned from.
HANDS = ("noto", "fluent-emoji-flat", "twemoji")


@dataclass(frozen=True)
class StyleOptions:
    strength: float = option(
        0.8, low=0, high=1, step=0.01, knob=True, help="How far the picture goes from itself towards the style."
    )
    preserve_color: float = option(
        0.0, low=0, high=1, step=0.01, knob=True, help="How much of the picture's own colours is kept."
    )


@dataclass(frozen=True)
class GatysOptions:
    balance: float = option(
        0.0,
        low=-1.5,
        high=1.5,
        step=0.05,
        knob=True,
        help="Whether the picture or the style counts for more. Each whole step to the right gives the style ten times the weight.",
    )
    scale: float = option(
        1.0,
        low=0.4,
        high=1.6,
        step=0.05,
        knob=True,
        help="How large the style's strokes are: its picture's size beside yours.",
    )
    emphasis: float = option(
        0.0,
        low=-1,
        high=1,
        step=0.05,
        knob=True,
        help="What of the style counts: to the left its colours and fine grain, to the right its broad shapes.",
    )
    smoothness: float = option(
        0.3, low=0, high=1, step=0.01, knob=True, help="How calm the surface is: grain is smoothed away."
    )
    preserve_color: float = option(
        0.0, low=0, high=1, step=0.01, knob=True, help="How much of the picture's own colours is kept."
    )
    color: str = option(
        "style",
        choices=("style", "matched"),
        advanced=True,
        help="Whether it takes the style's colours, or the style is first given the picture's own.",
    )
    start: str = option(
        "painted",
        choices=("painted", "content", "noise"),
        advanced=True,
        help="What it begins with: what the fast network paints, your picture, or pure chance.",
    )
    optimizer: str = option(
        "lbfgs",
        choices=("lbfgs", "adam"),
        advanced=True,
        help="How it looks for a better picture: L-BFGS sees how the ground curves, Adam feels its way.",
    )
    steps: int = option(
        8,
        low=1,
        high=300,
        step=1,
        advanced=True,
        help="How often it looks at the picture in full size; at smaller sizes more often.",
    )


@dataclass(frozen=True)
class TranslatorOptions:
    strength: float = option(
        1.0,
        low=0,
        high=2,
        step=0.01,
        knob=True,
        help="How far the picture goes from itself towards the drawing; beyond 1 it exaggerates.",
    )
    preserve_color: float = option(
        0.0, low=0, high=1, step=0.01, knob=True, help="How much of the picture's own colours is kept."
    )
    variety: float = option(
        1.0, low=0, high=2, step=0.05, knob=True, help="How freely chance draws a way of the hand; at 0 it is its mean."
    )
    way_1: float = option(
        0.0,
        low=-3,
        high=3,
        step=0.05,
        knob=True,
        help="One of the ways in which a hand's drawings differ, the first the most.",
    )
    way_2: float = option(
        0.0,
        low=-3,
        high=3,
        step=0.05,
        knob=True,
        help="One of the ways in which a hand's drawings differ, the first the most.",
    )
    way_3: float = option(
        0.0,
        low=-3,
        high=3,
        step=0.05,
        knob=True,
        help="One of the ways in which a hand's drawings differ, the first the most.",
    )
    detail: int = option(
        96,
        low=64,
        high=256,
        step=16,
        advanced=True,
        help="At how many pixels of the long side it draws: few are bold, many keep more. What is larger follows your picture's edges.",
    )


BANK = EngineInfo(
    name="style-bank",
    mode="style",
    version="1",
    summary="26 painting styles and all their mixes, in a blink.",
    options=StyleOptions,
    needs=("content", "styles"),
    styles=BANK_STYLES,
    file_styles=kinds.ROW,
    masks=("style",),
    models=("style-bank-26",),
)
CODES = EngineInfo(
    name="style-codes",
    mode="style",
    version="1",
    summary="Any picture as a style: your own, or one of ours.",
    options=StyleOptions,
    needs=("content", "styles"),
    styles=DRAWN_STYLES,
    picture_styles=True,
    masks=("style",),
    models=("style-codes",),
)
GATYS = EngineInfo(
    name="gatys",
    mode="style",
    version="1",
    summary="Painted slowly, stroke by stroke, until it looks like the style. Minutes, and the most beautiful.",
    options=GatysOptions,
    needs=("content", "styles"),
    styles=DRAWN_STYLES,
    picture_styles=True,
    masks=("style",),
    models=("hed-vgg16", "style-codes"),
    random=True,
    continues=True,
    explains=True,
)
NETWORK = EngineInfo(
    name="style-network",
    mode="style",
    version="1",
    summary="Styles of your own with a whole network each, as near to their picture as a fast painter comes.",
    options=StyleOptions,
    needs=("content", "styles"),
    file_styles=kinds.NETWORK,
    masks=("style",),
)
TRANSLATOR = EngineInfo(
    name="translator",
    mode="style",
    version="1",
    summary="A drawing in another hand: the thing stays, its colours and shading change. Best for drawings on white.",
    options=TranslatorOptions,
    needs=("content", "styles"),
    styles=HANDS,
    picture_styles=True,
    file_styles=kinds.HAND,
    masks=("style",),
    random=True,
)


def _bank() -> Engine:
    from .bank import StyleBank

    return StyleBank()


def _codes() -> Engine:
    from .codes import StyleCodes

    return StyleCodes()


def _gatys() -> Engine:
    from .gatys import Gatys

    return Gatys()


def _networks() -> Engine:
    from .owned import StyleNetworks

    return StyleNetworks()


def _translator() -> Engine:
    from .stargan import StarGan

    return StarGan()


register(BANK, _bank)
register(CODES, _codes)
register(GATYS, _gatys)
register(NETWORK, _networks)
register(TRANSLATOR, _translator)
