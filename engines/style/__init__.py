"""Style engines: the bank of 26 painting styles, and any picture as a style. Facts only; torch loads with the engines."""

from __future__ import annotations

from dataclasses import dataclass

from ..api import Engine, EngineInfo, option
from ..registry import register

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


@dataclass(frozen=True)
class StyleOptions:
    strength: float = option(
        0.8, low=0, high=1, step=0.01, knob=True, help="How far the picture goes from itself towards the style."
    )
    preserve_color: float = option(
        0.0, low=0, high=1, step=0.01, knob=True, help="How much of the picture's own colours is kept."
    )


BANK = EngineInfo(
    name="style-bank",
    mode="style",
    version="1",
    summary="26 painting styles and all their mixes, in a blink.",
    options=StyleOptions,
    needs=("content", "styles"),
    styles=BANK_STYLES,
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


def _bank() -> Engine:
    from .bank import StyleBank

    return StyleBank()


def _codes() -> Engine:
    from .codes import StyleCodes

    return StyleCodes()


register(BANK, _bank)
register(CODES, _codes)
