"""What happens in a session, as typed events that are stored as JSON. The log is append-only: undo and retraction are events too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from engines.api import Brief, UserError, check_text, filled, shortened

Role = Literal["yours", "best", "twist", "surprise"]
ROLES: tuple[Role, ...] = ("yours", "best", "twist", "surprise")
MAX_NOTE, MAX_TEXT = 2_000, 20_000  # characters of what an artist may say of a round, and write instead of a variant
MAX_COORDINATES, MAX_COORDINATE = 200, 120  # of a taste from elsewhere: how many it may name, and characters of a name
Status = Literal["running", "done", "cancelled", "failed", "interrupted"]


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


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Uploaded(Record):
    kind: Literal["uploaded"] = "uploaded"
    sha256: str
    name: str
    width: int
    height: int


class Kept(Record):
    """Something that a brief may name, and no picture, is on disk: an axis or an adapter of the artist's own."""

    kind: Literal["kept"] = "kept"
    sha256: str
    what: Literal["axis", "adapter"]
    name: str = Field(min_length=1, max_length=MAX_COORDINATE)


class Proposed(Record):
    """A round begins: the brief, where it hangs in the tree, and what will be tried."""

    kind: Literal["proposed"] = "proposed"
    round: int
    parent: Place | None
    brief: StoredBrief
    proposals: list[Proposal]


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
    beliefs: dict[str, float] = {}

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


Teaching = Sheeted | Believed | Compared | Carried  # what teaches beside judgements, and can be withdrawn
AnyEvent = (
    Uploaded
    | Kept
    | Proposed
    | Made
    | Ended
    | Judged
    | Starred
    | Branched
    | Forgot
    | Teaching
    | Shared
    | Withdrawn
    | Undone
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
        if isinstance(event, Uploaded | Kept):
            found.add(event.sha256)
        elif isinstance(event, Made):
            found.add(event.variant.sha256)
        elif isinstance(event, Proposed | Sheeted):
            found |= {ref.removeprefix("sha256:") for ref in event.brief.files()}
    return found
