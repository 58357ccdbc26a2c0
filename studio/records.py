"""What events are made of: variants and what was said of them, places in the tree, sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, NonNegativeInt, PlainSerializer, ValidationError

from engines.api import Brief, UserError, check_text, filled, shortened

Role = Literal["yours", "best", "twist", "surprise"]
ROLES: tuple[Role, ...] = ("yours", "best", "twist", "surprise")
MAX_NOTE, MAX_TEXT = 2_000, 20_000  # characters of what an artist may say of a round, and write instead of a variant


class StudioError(UserError):
    """The studio cannot do what was asked: an unknown session, a picture that cannot be read, a full disk."""


def _read_brief(value: Any) -> Any:
    return value if isinstance(value, Brief) else Brief.from_dict(value)


StoredBrief = Annotated[Brief, BeforeValidator(_read_brief), PlainSerializer(lambda brief: brief.to_dict())]
Knobs = dict[str, float | str]


class Record(BaseModel):
    """Frozen, and strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


class Words(Record):
    """A sentence for people: a template in English, filled from `values`. Values that name knobs are lists, so that the page
    can put its own names for them."""

    template: str
    values: dict[str, Any] = {}

    @classmethod
    def of(cls, error: UserError) -> Words:
        """What an error says, with its values as JSON can hold them."""
        values = {
            key: value if isinstance(value, str | int | float | bool | list | None) else str(value)
            for key, value in error.values.items()
        }
        return cls(template=f"{error.message} {error.remedy}".strip(), values=values)

    def __str__(self) -> str:
        shown = {
            key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in self.values.items()
        }
        return filled(self.template, shortened(shown))


class Proposal(Record):
    """What steering wants to try: a role, the settings, and why."""

    role: Role
    knobs: Knobs
    seed: int
    reason: list[Words]


class Variant(Record):
    """A result in a round: its blob and what made it."""

    index: int
    sha256: str
    media_type: str = "image/png"
    role: Role
    reason: list[Words]
    knobs: Knobs
    seed: int
    seconds: float
    text: str | None = None
    raw: str | None = None  # the text before the filters that changed it
    unfinished: bool = False  # whether it was stopped on its way, so that it cannot be made again
    remarks: list[Words] = []  # what there is to know of it beside: what filters did
    features: list[float] | None = None


class EngineUsed(Record):
    name: str
    version: str
    models: dict[str, str] = {}
    device: str = ""
    dtype: str = ""


class Place(Record):
    """A variant in the tree of rounds."""

    round: NonNegativeInt
    variant: NonNegativeInt


class Judgement(Record):
    """What the artist says of a round. Any part may be left out; indices are variants of the round, from 0."""

    ranking: list[int | list[int]] = []  # best first; a nested list is a tie
    like: list[int] = []
    dislike: list[int] = []
    pick: int | None = None
    none: bool = False
    edit: dict[str, float | str] = {}  # knob -> the value that the artist set by hand
    text: dict[int, str] = {}  # variant -> the artist's own version of it
    retract: int | None = None  # the number of a judgement event that no longer holds
    note: str = ""

    @classmethod
    def from_dict(cls, data: Any) -> Judgement:
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "judgement"
            raise StudioError(
                "The judgement's {key} is wrong: {why}.",
                "Known: {allowed}.",
                key=key,
                why=first["msg"],
                allowed=", ".join(cls.model_fields),
            ) from None

    def groups(self) -> list[list[int]]:
        """The ranking as groups of equals, best first."""
        return [entry if isinstance(entry, list) else [entry] for entry in self.ranking]

    def check(self, variants: int, knobs: Iterable[str]) -> None:
        """Raises `StudioError` where it says nothing, contradicts itself or names what the round does not have."""
        ranked = [index for group in self.groups() for index in group]
        named = [*ranked, *self.like, *self.dislike, *self.text, *([self.pick] if self.pick is not None else [])]
        for index in named:
            if not 0 <= index < variants:
                raise StudioError(
                    "The judgement names variant {value}.",
                    "This round has {count}, counted from 0.",
                    value=index,
                    count=variants,
                )
        if len(set(ranked)) < len(ranked) or any(not group for group in self.groups()):
            raise StudioError("The ranking {value} names a variant twice or has an empty tie.", value=self.ranking)
        if set(self.like) & set(self.dislike):
            raise StudioError(
                "Variant {value} is both liked and disliked.", value=min(set(self.like) & set(self.dislike))
            )
        if self.none and (self.like or self.pick is not None or self.ranking):
            raise StudioError("“None of these” cannot go with a like, a pick or a ranking.", "Send one or the other.")
        check_text("note", self.note, MAX_NOTE, StudioError)
        for index, text in self.text.items():
            check_text(f"text.{index}", text, MAX_TEXT, StudioError)
        known = list(knobs)
        for name in self.edit:
            if name not in known:
                raise StudioError(
                    "Unknown knob {key!r}.", "This round has: {allowed}.", key=name, allowed=", ".join(known)
                )
        if not self.model_dump(exclude_defaults=True):
            raise StudioError(
                "The judgement is empty.", "Known: {allowed}.", allowed=", ".join(type(self).model_fields)
            )
