"""What happens in a session, as typed events that are stored as JSON. The log is append-only: undo and retraction are events too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, TypeAdapter, model_validator

from .records import (
    MAX_NOTE,
    MAX_TEXT,
    ROLES,
    EngineUsed,
    Judgement,
    Knobs,
    Place,
    Proposal,
    Record,
    Role,
    StoredBrief,
    StudioError,
    Variant,
    Words,
)

__all__ = [
    "MAX_NOTE",
    "MAX_TEXT",
    "ROLES",
    "EngineUsed",
    "Judgement",
    "Knobs",
    "Place",
    "Proposal",
    "Record",
    "Role",
    "StoredBrief",
    "StudioError",
    "Variant",
    "Words",
]

MAX_COORDINATES, MAX_COORDINATE = 200, 120  # of a taste from elsewhere: how many it may name, and characters of a name
Status = Literal["running", "done", "cancelled", "failed", "interrupted"]


class Uploaded(Record):
    kind: Literal["uploaded"] = "uploaded"
    sha256: str
    name: str
    width: int
    height: int


class Kept(Record):
    """Of the artist's own, on disk, for a brief to name, and no picture: an axis, an adapter, a style, a hand, a GAN or a painter."""

    kind: Literal["kept"] = "kept"
    sha256: str
    what: Literal["axis", "adapter", "style", "network", "hand", "gan", "painter"]
    name: str = Field(min_length=1, max_length=MAX_COORDINATE)
    about: dict[str, float | str] = Field(
        default_factory=dict
    )  # facts to be shown beside it: an axis's poles, what an adapter learned
    record: str = ""  # the blob that holds the course of its training, if any


class Shelved(Record):
    """Of the artist's own, on disk, for a brief to name, and no picture: an axis, an adapter, a style, a hand, a GAN or a painter."""

    kind: Literal["shelved"] = "shelved"
    sha256: str
    name: str | None = Field(default=None, min_length=1, max_length=MAX_COORDINATE)


class Named(Record):
    """A direction of a GAN, or of an engine that has one of its own, is called something; nothing where its name is empty."""

    kind: Literal["named"] = "named"
    engine: str
    sha256: str = ""
    way: str = Field(max_length=MAX_COORDINATE)
    name: str = Field(max_length=MAX_COORDINATE)


class Proposed(Record):
    """A round begins: the brief, where it hangs in the tree, and what will be tried."""

    kind: Literal["proposed"] = "proposed"
    round: int
    parent: Place | None
    brief: StoredBrief
    proposals: list[Proposal]
    at: NonNegativeInt | None = None  # where in the notebook its texts go on


class Made(Record):
    """A variant is finished and its blob is on disk."""

    kind: Literal["made"] = "made"
    round: int
    variant: Variant


class Ended(Record):
    kind: Literal["ended"] = "ended"
    round: int
    status: Status
    engine: EngineUsed | None = None
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    error: Words | None = None


class Judged(Record):
    kind: Literal["judged"] = "judged"
    round: int
    judgement: Judgement


class Starred(Record):
    kind: Literal["starred"] = "starred"
    place: Place
    on: bool = True


class Branched(Record):
    kind: Literal["branched"] = "branched"
    place: Place


class Piece(Record):
    """So many characters are cut from a text at a place, and others put there. Characters are Unicode code points."""

    at: NonNegativeInt
    cut: NonNegativeInt = 0
    put: str = ""


Author = Place | Literal["given"] | None  # a variant; what the studio or a file brought; None for the artist's own hand


class Enlarging(Record):
    """The artist wants a variant painted large, this long, while they go on."""

    kind: Literal["enlarging"] = "enlarging"
    place: Place
    size: int


class Enlarged(Record):
    """A variant was painted large, and that picture is on disk."""

    kind: Literal["enlarged"] = "enlarged"
    place: Place
    sha256: str
    size: int
    seconds: float


class Spliced(Record):
    """The notebook changed. Pieces lie in the text as it was before, in order, and do not overlap."""

    kind: Literal["spliced"] = "spliced"
    pieces: list[Piece] = Field(min_length=1)
    by: Author = None  # whose words were put there
    follows: int | None = None  # the event that it completes: undo takes back both

    @model_validator(mode="after")
    def _ordered(self) -> Spliced:
        ends = [piece.at + piece.cut for piece in self.pieces]
        if any(piece.at < end for piece, end in zip(self.pieces[1:], ends, strict=False)):
            raise ValueError("pieces overlap, or are not in order")
        return self


class Sent(Record):
    """A text becomes the prompt of the next brief of another mode."""

    kind: Literal["sent"] = "sent"
    place: Place
    mode: Literal["image"] = "image"


class Forgot(Record):
    """What was judged before this teaches nothing any more; the rounds and what was said of them stay."""

    kind: Literal["forgot"] = "forgot"


class Level(Record):
    """One level of a sheet: the settings of its cells, row by row, and which of them was picked."""

    cells: list[Knobs] = Field(max_length=100)
    pick: NonNegativeInt

    @model_validator(mode="after")
    def _whole(self) -> Level:
        if self.pick >= len(self.cells):
            raise ValueError(f"cell {self.pick} of {len(self.cells)} was picked")
        return self


class Sheeted(Record):
    """A sheet of small pictures was searched, from coarse to fine; the last pick is the next `yours`."""

    kind: Literal["sheeted"] = "sheeted"
    brief: StoredBrief
    levels: list[Level] = Field(min_length=1, max_length=10)


class Believed(Record):
    """The artist corrects what was learned of a knob: this value is what they like best."""

    kind: Literal["believed"] = "believed"
    engine: str
    knob: str
    value: float


class Compared(Record):
    """An earlier pair came back, and this is what the artist says of it now. `better` is 0 or 1, None where they cannot tell."""

    kind: Literal["compared"] = "compared"
    pair: tuple[Place, Place]
    better: Literal[0, 1] | None


class Opinion(Record):
    """One judgement of a taste that is carried along: indices of its points; None stands for the bar of what is good enough."""

    better: NonNegativeInt | None
    worse: NonNegativeInt | None
    weight: float = Field(1.0, gt=0, le=1)

    def moved(self, by: int) -> Opinion:
        """The same of points that stand so much later in a list."""
        better, worse = (None if index is None else index + by for index in (self.better, self.worse))
        return Opinion(better=better, worse=worse, weight=self.weight)


class Taste(Record):
    """What was learned, without whom it was learned from: points of named unit coordinates, and what was said of them."""

    points: list[dict[str, float]] = Field([], max_length=1_000)
    opinions: list[Opinion] = Field([], max_length=1_000)
    beliefs: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Taste:
        for said in self.opinions:
            if max(said.better or 0, said.worse or 0) >= len(self.points) or said.better == said.worse:
                raise ValueError("an opinion names a point that is not there, or compares one with itself")
        names = set(self.beliefs).union(*self.points)
        if len(names) > MAX_COORDINATES or any(len(name) > MAX_COORDINATE for name in names):
            raise ValueError(f"{len(names)} coordinates, or one with a very long name")
        for value in [*self.beliefs.values(), *(value for point in self.points for value in point.values())]:
            if not -10 <= value <= 10:
                raise ValueError(f"{value} is no coordinate")
        return self


class Carried(Record):
    """A taste that was learned elsewhere: in an earlier session, in a file, or in the sessions of those who share theirs."""

    kind: Literal["carried"] = "carried"
    source: Literal["session", "file", "pool"]
    taste: Taste


class Shared(Record):
    """Whether the artist lets others begin from what was learned here, without their name, words or pictures."""

    kind: Literal["shared"] = "shared"
    on: bool


class Withdrawn(Record):
    """The artist takes back something that they taught: the event with this number no longer holds. Undo brings it back."""

    kind: Literal["withdrawn"] = "withdrawn"
    event: int


class Undone(Record):
    """The event with this number no longer holds."""

    kind: Literal["undone"] = "undone"
    event: int


class Redone(Record):
    """The event with this number, which was undone, holds again."""

    kind: Literal["redone"] = "redone"
    event: int


Filed = Uploaded | Kept | Made | Enlarged  # what speaks of a file of its own
Teaching = Sheeted | Believed | Compared | Carried  # what teaches beside judgements, and can be withdrawn
AnyEvent = (
    Uploaded
    | Kept
    | Shelved
    | Named
    | Proposed
    | Made
    | Ended
    | Judged
    | Starred
    | Branched
    | Enlarging
    | Enlarged
    | Spliced
    | Sent
    | Forgot
    | Teaching
    | Shared
    | Withdrawn
    | Undone
    | Redone
)
_codec: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="kind")])


def to_json(event: AnyEvent) -> str:
    return _codec.dump_json(event, exclude_defaults=False).decode()


def from_json(text: str | bytes) -> AnyEvent:
    return _codec.validate_json(text)


def blobs_of(events: Iterable[AnyEvent]) -> set[str]:
    """Every blob that these events speak of, as hex digests."""
    found: set[str] = set()
    for event in events:
        if isinstance(event, Uploaded | Kept | Enlarged):
            found.add(event.sha256)
            if isinstance(event, Kept) and event.record:
                found.add(event.record)
        elif isinstance(event, Made):
            found.add(event.variant.sha256)
        elif isinstance(event, Proposed | Sheeted):
            found |= {ref.removeprefix("sha256:") for ref in event.brief.files()}
    return found
