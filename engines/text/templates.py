"""Templates: sentences with fields that turn the artist's text into what a model is asked. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

from ..errors import BriefError

STYLE = "a plain"  # where none is named
FIELDS = ("text", "form", "style")  # a template with a style rewrites


@dataclass(frozen=True)
class Template:
    """A template that comes with the studio. `name` is looked up in the string tables, `text` is what the model reads."""

    name: str
    text: str


TEMPLATES = (
    Template("continue", ""),
    Template("poem", "Write a poem in the form of {form} about this: {text}\nWrite only the poem."),
    Template(
        "image",
        "Describe one picture that shows this idea: {text}\n"
        "Name what is seen, the place, the light, the colours and the style of painting, in one line without verbs.",
    ),
    Template("dialogue", "Write a dialogue between two people. It begins where this ends:\n{text}"),
    Template("rewrite", "Rewrite this passage in {style} style. Keep what it says.\n\n{text}"),
    Template("critique", "You are a kind and honest editor. Say what works in this text and what does not:\n\n{text}"),
    Template(
        "describe",
        "This picture shows: {text}\n\nDescribe the picture in three sentences, with its things, its colours and its light.",
    ),
    Template("title", "Give this text one short, striking title. Write only the title.\n\n{text}"),
)


def check(template: str) -> None:
    """Raises `BriefError` where the template has a field that nothing fills, or braces that do not match."""
    try:
        named = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise BriefError(
            "The template cannot be read: {why}.", "Write a brace of your own twice: {{{{ or }}}}.", why=str(error)
        ) from None
    for name in named:
        if name not in FIELDS:
            raise BriefError(
                "The template has an unknown field {value!r}.",
                "Known: {allowed}.",
                value="{" + name + "}",
                allowed=", ".join("{" + field + "}" for field in FIELDS),
            )
    if template and "text" not in named:
        raise BriefError("The template has no {field}.", "Put {field} where your text belongs.", field="{text}")


def rewrites(template: str) -> bool:
    """Whether it asks for the same in another style."""
    return "{style}" in template


def filled(template: str, text: str, form: str, style: str) -> str:
    """The template with its fields; braces in what fills them stay as they are."""
    return template.format(text=text, form=form or "free verse", style=style or STYLE)
