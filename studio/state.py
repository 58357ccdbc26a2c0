"""A session's state: what its events add up to. `fold` is the only reading of them.

The log is append-only, so undo and retraction are events too, and count here: what they take back counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from engines.api import Brief

from .events import (
    AnyEvent,
    Believed,
    Branched,
    Carried,
    Compared,
    Ended,
    EngineUsed,
    Enlarged,
    Enlarging,
    Forgot,
    Judged,
    Judgement,
    Kept,
    Made,
    Named,
    Place,
    Proposal,
    Proposed,
    Redone,
    Sent,
    Shared,
    Sheeted,
    Shelved,
    Spliced,
    Starred,
    Status,
    StoredBrief,
    StudioError,
    Teaching,
    Undone,
    Uploaded,
    Variant,
    Withdrawn,
    Words,
)
from .notebook import Recalled


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
    at: int | None = None  # where in the notebook, as it was then, its texts go on
    variants: list[Variant] = []
    status: Status = "running"
    engine: EngineUsed | None = None
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    error: Words | None = None
    judgements: dict[int, Judgement] = {}  # event number -> judgement, only those that hold
    stars: set[int] = set()
    enlarging: dict[int, int] = {}  # variant -> how large it is wanted
    large: dict[int, Enlarged] = {}  # variant -> what came of that

    model_config = ConfigDict(arbitrary_types_allowed=True)

    @property
    def verdict(self) -> Verdict:
        verdict = Verdict()
        for event in sorted(self.judgements):
            verdict.add(self.judgements[event])
        return verdict


class Standing(BaseModel):
    """Where the artist stands in the tree, among the rounds of one mode."""

    head: Place | None = None  # the variant that the next round hangs from
    open: int | None = None  # the newest round while nothing was chosen since: what comes next is its own brief
    ahead: StoredBrief | None = None  # what was picked from elsewhere, a sheet, while nothing else was chosen since

    model_config = ConfigDict(arbitrary_types_allowed=True)


class State(BaseModel):
    """A session as its events add up to. `last_act` is what undo would take back, `undone` what redo would bring back, last first."""

    rounds: dict[int, Round] = {}
    standings: dict[str, Standing] = {}  # mode -> where the artist stands in it
    mode: str = "style"  # of the latest act
    pictures: dict[str, Uploaded] = {}
    kept: dict[str, Kept] = {}  # axes, adapters, styles and GANs of the artist's own, by digest
    called: dict[str, str] = {}  # what these are called, and those that were put away
    ways: dict[str, dict[str, str]] = {}  # GAN, `sha256:…`, or engine -> direction -> what the artist calls it
    branches: dict[int, Place] = {}  # event number -> where the artist branched off
    teachings: dict[int, Teaching] = {}  # event number -> what was taught beside judgements
    writing: dict[int, Spliced | Recalled] = {}  # event number -> what it did to the notebook
    shared: bool = False  # whether others may begin from what was learned here
    forgot: int | None = None  # event number up to which judgements teach nothing
    acts: list[int] = []  # numbers of the artist's acts that hold, in order
    undone: list[int] = []  # numbers of acts that were undone and could be redone
    next_round: int = 0  # round numbers are never used twice

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def standing(self, mode: str) -> Standing:
        return self.standings.get(mode, Standing())

    @property
    def head(self) -> Place | None:
        return self.standing(self.mode).head

    @property
    def open(self) -> int | None:
        return self.standing(self.mode).open

    @property
    def ahead(self) -> Brief | None:
        return self.standing(self.mode).ahead

    def stand(self, mode: str, head: Place | None, open: int | None = None, ahead: Brief | None = None) -> None:
        self.mode, self.standings[mode] = mode, Standing(head=head, open=open, ahead=ahead)

    def round(self, number: int) -> Round:
        """The round of that number. Raises `StudioError` where there is none."""
        if number not in self.rounds:
            known = ", ".join(map(str, self.rounds)) or "none yet"
            raise StudioError(
                "There is no round {value}.", "Rounds of this session: {allowed}.", value=number, allowed=known
            )
        return self.rounds[number]

    def made(self, place: Place) -> Variant:
        """The variant at a place. Raises `StudioError` where there is none."""
        for variant in self.round(place.round).variants:
            if variant.index == place.variant:
                return variant
        indices = [variant.index for variant in self.rounds[place.round].variants]
        raise StudioError(
            "Round {round} has no variant {value}.",
            "It has: {allowed}.",
            round=place.round,
            value=place.variant,
            allowed=", ".join(map(str, indices)) or "none",
        )

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


PASSIVE = (Uploaded, Kept, Made, Ended, Enlarged, Undone, Redone)  # events that are no new act of the artist


def fold(events: Mapping[int, AnyEvent]) -> State:
    """The state that numbered events add up to; undone and retracted ones count for nothing."""
    undone = _undone(events)
    void = set(undone)
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
    state.undone = _redoable(events, undone)
    return state


def _undone(events: Mapping[int, AnyEvent]) -> list[int]:
    """The numbers of what was undone and not redone since, in the order in which it was."""
    found: list[int] = []
    for number in sorted(events):
        event = events[number]
        if isinstance(event, Undone):
            found.append(event.event)
        elif isinstance(event, Redone) and event.event in found:
            found.remove(event.event)
    return found


def whole(events: Mapping[int, AnyEvent], acts: list[int]) -> list[int]:
    """The last act with those that it completes, the last first."""
    found = acts[-1:]
    while found and (first := getattr(events[found[-1]], "follows", None)) in acts:
        found.append(first)
    return found


def resumed(events: Mapping[int, AnyEvent], undone: list[int]) -> list[int]:
    """What was undone last with all that completes it, in the order in which it was done."""
    found = undone[-1:]
    for number in reversed(undone[:-1]):
        if getattr(events[number], "follows", None) != found[-1]:
            break
        found.append(number)
    return found


def _redoable(events: Mapping[int, AnyEvent], undone: list[int]) -> list[int]:
    """What was undone since the artist last did something new."""
    new = max((number for number, event in events.items() if not isinstance(event, PASSIVE)), default=-1)
    since = {event.event for number, event in events.items() if isinstance(event, Undone) and number > new}
    return [number for number in undone if number in since]


def _keep(state: State, number: int, event: Kept | Shelved | Named) -> None:
    """Something of the artist's own comes, gets another name, or is put away; or a direction gets a name."""
    if isinstance(event, Named):
        state.acts.append(number)
        world = f"sha256:{event.sha256}" if event.sha256 else event.engine
        state.ways.setdefault(world, {})[event.way] = event.name
    elif isinstance(event, Kept):
        state.kept[event.sha256] = event
        state.called[event.sha256] = event.name
    elif event.sha256 in state.kept:
        state.acts.append(number)
        kept = state.kept.pop(event.sha256)
        if event.name is not None:
            state.kept[event.sha256] = kept.model_copy(update={"name": event.name})
            state.called[event.sha256] = event.name


def _enlarge(state: State, number: int, event: Enlarging | Enlarged) -> None:
    """A variant is wanted large, or is there; what came of a wish that was undone does not count."""
    current, index = state.rounds[event.place.round], event.place.variant
    if isinstance(event, Enlarging):
        state.acts.append(number)
        current.enlarging[index] = event.size
    elif index in current.enlarging:
        current.large[index] = event


def _apply(state: State, number: int, event: AnyEvent) -> None:
    match event:
        case Uploaded():
            state.pictures[event.sha256] = event
        case Kept() | Shelved() | Named():
            _keep(state, number, event)
        case Proposed():
            facts = {name: getattr(event, name) for name in ("parent", "brief", "proposals", "at")}
            state.rounds[event.round] = Round(number=event.round, event=number, **facts)
            state.stand(event.brief.mode, event.parent, open=event.round)
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
            state.branches[number] = event.place
            _branch(state, number, event.place)
        case Enlarging() | Enlarged() if event.place.round in state.rounds:
            _enlarge(state, number, event)
        case Spliced():
            state.acts.append(number)
            state.writing[number] = event
        case Sent() if event.place.round in state.rounds:
            state.acts.append(number)
            _send(state, event)
        case Forgot():
            state.acts.append(number)
            state.forgot = number
        case Believed() | Compared() | Carried() | Sheeted():
            state.acts.append(number)
            state.teachings[number] = event
            if isinstance(event, Sheeted):
                last = event.levels[-1]
                now = state.standing(event.brief.mode)
                ahead = event.brief.apply(last.cells[last.pick])
                state.stand(event.brief.mode, now.head, now.open, ahead)
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
    current, mode = state.rounds[event.round], state.rounds[event.round].brief.mode
    now, before = state.standing(mode), current.verdict.chosen
    current.judgements[number] = event.judgement
    chosen = current.verdict.chosen
    said = event.judgement.pick is not None or event.judgement.ranking
    here = now.open == event.round if before is None else now.head == Place(round=event.round, variant=before)
    if chosen is not None and (said or (chosen != before and here)):
        state.stand(mode, Place(round=event.round, variant=chosen))
    elif chosen is None and before is not None and here:
        state.stand(mode, current.parent, event.round, now.ahead)
    state.mode = mode


def _send(state: State, event: Sent) -> None:
    """A text is the prompt of what comes next in another mode."""
    prompt, now = state.made(event.place).text or "", state.standing(event.mode)
    state.standings[event.mode] = now.model_copy(update={"ahead": Brief(mode=event.mode, prompt=prompt)})


def _branch(state: State, number: int, place: Place) -> None:
    """The next round goes on from there; among texts, so does the notebook."""
    current = state.rounds[place.round]
    state.stand(current.brief.mode, place)
    if current.at is not None:
        put = state.made(place).text or ""
        state.writing[number] = Recalled(before=current.event, at=current.at, put=put, by=place)
