"""The frame around everything: whose session, in which words, and the top line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engines.api import EngineInfo

from ..family import world_of
from ..locales import LANGUAGES, Table

Value = dict[str, Any]

SHAPES = {"yours": "circle", "best": "triangle", "twist": "diamond", "surprise": "star"}
FULL, TILE, STRIP = 2048, 768, 160  # sides of the pictures on the page, in pixels


@dataclass(frozen=True)
class Scene:
    """What every panel is drawn with: whose session, in which words. `version` orders values of the same session."""

    session: str
    text: Table
    engines: Mapping[str, EngineInfo]
    version: int = 0
    mode: str = "style"  # the mode that the page is in

    def picture(self, sha: str, side: int) -> str:
        return f"duet/{self.session}/{sha.removeprefix('sha256:')}?side={side}"

    def knowing(self, ways: Mapping[str, Mapping[str, str]], brief: Mapping[str, Any] | None) -> Scene:
        """The same where a brief's directions have the names that the artist gave them."""
        named = {way: name for way, name in ways.get(world_of(brief or {}), {}).items() if name}
        return replace(self, text=replace(self.text, names={**self.text.names, **named}))

    def value(self, **parts: Any) -> Value:
        whose: Value = {"session": self.session, "language": self.text.language, "version": self.version}
        return whose | {"mode": self.mode, **parts}


def header(scene: Scene, modes: Iterable[str]) -> Value:
    """The top line: modes that are built, languages, and the words of the help."""
    text = scene.text
    keys = [(key, text(f"key_{name}")) for key, name in KEYS]
    return scene.value(
        modes=[{"name": mode, "label": text(f"mode_{mode}")} for mode in modes],
        languages=[{"name": name, "label": label} for name, label in LANGUAGES.items()],
        keys=[{"keys": key.split(), "does": does} for key, does in keys],
        help={mode: [text(f"help_{key}") for key in keys] for mode, keys in HELPS.items()},
        roles=[
            {"shape": SHAPES[role], "name": text(f"role_{role}"), "does": text(f"role_{role}_does")} for role in SHAPES
        ],
        text=text.texts("tagline", "theme", "help", "close", "help_title", "keys_title", "roles_title", "made_with")
        | text.texts("lost", "language", "between_sentences"),
        gan={key: words for key, words in text.words["page"].items() if key.startswith(("gan_", "hands_", "pairs_"))},
        attention={key: words for key, words in text.words["page"].items() if key.startswith("attention_")},
        toy={key: words for key, words in text.words["page"].items() if key.startswith("toy_")},
    )


HELPS = {
    "style": ("ask", "look", "judge", "again"),
    "text": ("text_ask", "text_look", "text_judge", "text_again"),
    "image": ("image_ask", "image_look", "judge", "again"),
    "breed": ("breed_ask", "breed_look", "judge", "breed_again"),
}  # mode, or what is done in it -> the lines that tell how it goes

KEYS = (
    ("1 2 3 4", "pick"),
    ("⇧1 ⇧2 ⇧3 ⇧4", "rank"),
    ("← → ↑ ↓", "move"),
    ("P", "pick_here"),
    ("R", "rank_here"),
    ("L", "like"),
    ("D", "dislike"),
    ("0", "none"),
    ("⏎", "again"),
    ("Z", "undo"),
    ("⇧Z", "redo"),
    ("A", "use"),
    ("S", "star"),
    ("B", "breed"),
    ("⇧B", "breed_liked"),
    ("F", "family"),
    ("C", "compare"),
    ("E", "explore"),
    ("␣", "original"),
    ("?", "help"),
)


def notice(scene: Scene, message: str = "", kind: str = "problem") -> Value:
    """The quiet line for what went wrong, or nothing."""
    return scene.value(message=message, kind=kind, close=scene.text("close"))


def shown(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
