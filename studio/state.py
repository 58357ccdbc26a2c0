"""A session's state: what its events add up to. `fold` is the only reading of them.

The log is append-only, so undo and retraction are events too, and count here: what they take back counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from .events import (
    AnyEvent,
    Believed,
    Branched,
    Carried,
    Compared,
    Ended,
    EngineUsed,
    Forgot,
    Judged,
    Judgement,
    Kept,
    Made,
    Place,
    Proposal,
    Proposed,
    Shared,
    Sheeted,
    Starred,
    Status,
    StoredBrief,
    Teaching,
    Undone,
    Uploaded,
    Variant,
    Withdrawn,
    Words,
)


class Verdict(BaseModel):
    """All that holds of the judgements of one round, later ones before earlier ones."""

    likes: set[int] = set()
    dislikes: set[int] = set()
    pick: int | None = None
    ranking: list[list[int]] = []
    none: bool = False
    edits: dict[str, float | str] = {}
    texts: dict[int, str] = {}
    notes: list[str] = []

    def add(self, said: Judgement) -> None:
        for index in said.like:
            self.likes.add(index)
            self.dislikes.discard(index)
        for index in said.dislike:
            self.dislikes.add(index)
            self.likes.discard(index)
        if self.pick in said.dislike:
            self.pick = None
        if said.like or said.pick is not None or said.ranking:
            self.none = False
        if said.ranking:
            self.ranking = said.groups()
            self.pick = self.pick if self.pick in self.ranking[0] else None
        if said.pick is not None:
            self.pick = said.pick
        if said.none:
            self.none, self.pick, self.ranking, self.likes = True, None, [], set()
        self.edits.update(said.edit)
        self.texts.update(said.text)
        if said.note:
            self.notes.append(said.note)

    @property
    def chosen(self) -> int | None:
        """The pick, or else the first of the ranking that is not disliked: the next `yours`."""
        if self.pick is not None:
            return self.pick
        return next((index for group in self.ranking for index in group if index not in self.dislikes), None)


class Round(BaseModel):
    """One round as it stands."""

    number: int
    event: int
    parent: Place | None
    brief: StoredBrief
    proposals: list[Proposal]
    variants: list[Variant] = []
    status: Status = "running"
    engine: EngineUsed | None = None
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    error: Words | None = None
    judgements: dict[int, Judgement] = {}  # event number -> judgement, only those that hold
    stars: set[int] = set()

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def verdict(self) -> Verdict:
        verdict = Verdict()
        for event in sorted(self.judgements):
            verdict.add(self.judgements[event])
        return verdict


class State(BaseModel):
    """A session as its events add up to. `last_act` is what undo would take back."""

    rounds: dict[int, Round] = {}
    head: Place | None = None  # the variant that the next round hangs from
    open: int | None = None  # the newest round while nothing was chosen since: what comes next is its own brief
    pictures: dict[str, Uploaded] = {}
    kept: dict[str, Kept] = {}  # axes and adapters of the artist's own, by digest
    branches: dict[int, Place] = {}  # event number -> where the artist branched off
    teachings: dict[int, Teaching] = {}  # event number -> what was taught beside judgements
    ahead: StoredBrief | None = (
        None  # what was picked from a sheet, while nothing else was chosen since: the next brief
    )
    shared: bool = False  # whether others may begin from what was learned here
    forgot: int | None = None  # event number up to which judgements teach nothing
    acts: list[int] = []  # numbers of the artist's acts that hold, in order
    next_round: int = 0  # round numbers are never used twice

    @property
    def last_act(self) -> int | None:
        return self.acts[-1] if self.acts else None

    def latest(self) -> Round | None:
        return self.rounds[max(self.rounds)] if self.rounds else None

    def taught(self) -> dict[int, Teaching]:
        """What was taught beside judgements and not forgotten since, by event number."""
        return {number: each for number, each in self.teachings.items() if self.forgot is None or number > self.forgot}

    def remembered(self, current: Round) -> Round:
        """The round without the judgements that were to be forgotten: what is said of it afterwards counts as if said first."""
        if self.forgot is None:
            return current
        kept = {number: said for number, said in current.judgements.items() if number > self.forgot}
        return current.model_copy(update={"judgements": kept})


def fold(events: Mapping[int, AnyEvent]) -> State:
    """The state that numbered events add up to; undone and retracted ones count for nothing."""
    void = {event.event for event in events.values() if isinstance(event, Undone)}
    for number in sorted(events, reverse=True):  # a retraction that was itself undone or retracted does not hold
        event = events[number]
        if number not in void and isinstance(event, Judged) and event.judgement.retract is not None:
            void.add(event.judgement.retract)
        elif number not in void and isinstance(event, Withdrawn):
            void.add(event.event)
    state = State()
    for number in sorted(events):
        event = events[number]
        if isinstance(event, Proposed):
            state.next_round = max(state.next_round, event.round + 1)
        if number not in void:
            _apply(state, number, event)
    return state


def _apply(state: State, number: int, event: AnyEvent) -> None:
    match event:
        case Uploaded():
            state.pictures[event.sha256] = event
        case Kept():
            state.kept[event.sha256] = event
        case Proposed():
            state.rounds[event.round] = Round(
                number=event.round, event=number, parent=event.parent, brief=event.brief, proposals=event.proposals
            )
            state.head, state.open, state.ahead = event.parent, event.round, None
            state.acts.append(number)
        case Made() if event.round in state.rounds:
            state.rounds[event.round].variants.append(event.variant)
        case Ended() if event.round in state.rounds:
            current = state.rounds[event.round]
            current.status, current.engine, current.error = event.status, event.engine, event.error
            current.seconds, current.peak_memory_mb = event.seconds, event.peak_memory_mb
        case Judged() if event.round in state.rounds:
            state.acts.append(number)
            _judge(state, number, event)
        case Starred() if event.place.round in state.rounds:
            state.acts.append(number)
            stars = state.rounds[event.place.round].stars
            (stars.add if event.on else stars.discard)(event.place.variant)
        case Branched() if event.place.round in state.rounds:
            state.acts.append(number)
            state.branches[number] = state.head = event.place
            state.open = state.ahead = None
        case Forgot():
            state.acts.append(number)
            state.forgot = number
        case Believed() | Compared() | Carried() | Sheeted():
            state.acts.append(number)
            state.teachings[number] = event
            if isinstance(event, Sheeted):
                last = event.levels[-1]
                state.ahead = event.brief.apply(last.cells[last.pick])
        case Shared():
            state.acts.append(number)
            state.shared = event.on
        case Withdrawn():
            state.acts.append(number)
        case _:
            pass


def _judge(state: State, number: int, event: Judged) -> None:
    """A choice moves the head there; one that is withdrawn (none of these, a dislike) moves it
    to the next in the ranking, or back before the round."""
    current = state.rounds[event.round]
    before = current.verdict.chosen
    current.judgements[number] = event.judgement
    chosen = current.verdict.chosen
    said = event.judgement.pick is not None or event.judgement.ranking
    here = state.open == event.round if before is None else state.head == Place(round=event.round, variant=before)
    if chosen is not None and (said or (chosen != before and here)):
        state.head, state.open, state.ahead = Place(round=event.round, variant=chosen), None, None
    elif chosen is None and before is not None and here:
        state.head, state.open = current.parent, event.round
