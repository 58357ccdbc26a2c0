"""What the artist does with the notebook: writes, takes over what was written for them, in whole or in part, and mends it.

Each is an event of the session, so that nothing is lost and it stays known whose words are whose.
"""

from __future__ import annotations

from typing import Any

from engines import language, registry, store
from engines.api import Brief, Room, Setting, Token, UserError, check_text

from . import notebook
from .events import Author, Judged, Judgement, Piece, Place, Redone, Sent, Spliced, StudioError
from .notebook import MAX_LETTERS, Document, anchor, diff, replay, shifted
from .session import Session
from .state import Round, State, resumed

FAR = 100  # writings that are looked back through for one that was undone in the browser
RECENT = 100_000  # characters of the notebook that a brief takes along


def write(session: Session, text: str, by: Author = None, base: int | None = None) -> Document:
    """The notebook becomes `text`; what is new in it is the artist's, or of whoever `by` names.

    `base` is the number of the newest act that the writer had seen: what happened to the notebook since stays as it is, and
    what was written meanwhile goes between. -1 stands for the empty notebook.
    """
    check_text("text", text, MAX_LETTERS, StudioError)
    with session.acting():
        state = session.state()
        seen = session.document(state) if base is None else replay(state.writing, base + 1)
        pieces = diff(seen.text, text)
        for number in sorted(number for number in state.writing if base is not None and number > base):
            pieces = _moved(pieces, state, number)
        if pieces and by is None and (back := _typed_back(session, state, text)):
            for _ in range(back):
                session.undo()
        elif pieces:
            session.record(lambda _: Spliced(pieces=pieces, by=by))
        return session.document()


def _typed_back(session: Session, state: State, text: str) -> int:
    """How many of the artist's last writings are gone, where `text` is exactly what stood before them: the browser has undone them."""
    events, length, count = session.events(), len(session.document(state)), 0
    for number in reversed(state.acts[-FAR:]):
        event = events[number]
        if not isinstance(event, Spliced) or event.by is not None or event.follows is not None:
            break
        count, length = count + 1, length - sum(len(piece.put) - piece.cut for piece in event.pieces)
        if length == len(text) and replay(state.writing, number).text == text:
            return count
    return 0


def newest(state: State) -> int:
    """The number of the newest act that changed the notebook, -1 for none."""
    return max(state.writing, default=-1)


def accept(session: Session, round: int, variant: int, upto: int | None = None, then: str = "") -> Document:
    """Takes a variant over into the notebook, where its round goes on, or in place of the passage that it rewrites: all of it, or so
    many code points and `then` another word that the model had in mind there. Who takes it over has picked it."""
    check_text("then", then, MAX_LETTERS, StudioError)
    with session.acting():
        state, place = session.state(), Place(round=round, variant=variant)
        text = _text(state, place)
        if upto is not None and not 0 <= upto <= len(text):
            raise StudioError(
                "{key} is {value}.", "It lies between 0 and {high}.", key="upto", value=upto, high=len(text)
            )
        put = (text if upto is None else text[:upto]) + then
        if not put:
            raise StudioError("There is nothing to take over.", "Choose a place further on.")
        document = session.document(state)
        at = where(state, state.rounds[round], len(document))
        cut = 0 if upto is not None else passage(state.rounds[round], document.text[:at])
        picked = None
        if state.rounds[round].verdict.pick != variant:
            picked = session.record(lambda _: Judged(round=round, judgement=Judgement(pick=variant)))
        pieces = [Piece(at=at - cut, cut=cut, put=put.strip() if cut else put)]
        session.record(lambda _: Spliced(pieces=pieces, by=place, follows=picked))
        return session.document()


def mend(session: Session, round: int, variant: int, text: str) -> Document:
    """The artist's own version of a variant: a judgement, and what stands in the notebook. Words that were kept stay the machine's."""
    with session.acting():
        state, place = session.state(), Place(round=round, variant=variant)
        made = _text(state, place)
        session.judge(round, Judgement(text={variant: text}))
        said = max(session.state().round(round).judgements)
        document = session.document()
        old = state.rounds[round].verdict.texts.get(variant, made)
        begin = _standing(document, place, old)
        if begin is None:
            begin = where(state, state.rounds[round], len(document))
            spliced = Spliced(pieces=[Piece(at=begin, put=made)], by=place, follows=said)
            said, old = session.record(lambda _: spliced), made
        pieces = [Piece(at=begin + each.at, cut=each.cut, put=each.put) for each in diff(old, text)]
        if pieces:
            session.record(lambda _: Spliced(pieces=pieces, follows=said))
        return session.document()


def send(session: Session, round: int, variant: int) -> None:
    """A text becomes the prompt of the next brief of image mode."""

    def act(state: State) -> Sent:
        place = Place(round=round, variant=variant)
        _text(state, place)
        return Sent(place=place)

    session.record(act)


def redo(session: Session) -> None:
    """Brings back what was undone last, while nothing new was done since."""
    with session.acting():
        state = session.state()
        if not state.undone:
            raise StudioError("There is nothing to redo.")
        for number in resumed(session.events(), state.undone):
            session.record(lambda _, number=number: Redone(event=number))  # type: ignore[misc]


# ── Asking for more ──────────────────────────────────────────────────────────────────────────────────────────────────


def asked(session: Session, brief: Any, at: int | None = None, since: int | None = None) -> tuple[Brief, int]:
    """A brief that goes on with the notebook: its prompt is what stands there before a place, its end without one, `since` another
    where it is about a passage.

    Of a very long text only the last part goes into the prompt: no model here has room for more, and every round keeps its own.
    """
    text = session.document().text
    at = len(text) if at is None else max(0, min(at, len(text)))
    if not isinstance(brief, dict):
        return Brief.from_dict(brief), at
    begin = max(0, since) if since is not None and since < at else 0
    return Brief.from_dict({**brief, "prompt": text[begin:at][-RECENT:]}), at


def passage(current: Round, before: str) -> int:
    """How many characters a text of the round takes the place of, where it rewrote the end of what stands `before` it."""
    from engines.text import templates

    template, prompt = str(current.brief.options.get("template", "")), current.brief.prompt
    return len(prompt) if templates.rewrites(template) and prompt and before.endswith(prompt) else 0


def tokens(session: Session, round: int, variant: int) -> list[Token]:
    """How the engine that wrote a variant reads it, token by token, as it stands in its tile."""
    state, place = session.state(), Place(round=round, variant=variant)
    text, brief = _text(state, place), state.rounds[round].brief
    made, read = state.made(place), getattr(registry.load(brief.engine), "tokens", None)
    if read is None:
        raise StudioError("The engine {engine} does not tell what else it had in mind.", engine=brief.engine)
    return list(read(brief, Setting(made.knobs, made.seed), text, session.files))


def room(brief: Brief) -> Room | None:
    """What a brief takes of the model's context; None where its engine does not tell, or its models are not here yet."""
    brief = registry.check(brief)
    if not all(store.present(name) for name in registry.models(brief.engine)):
        return None
    count = getattr(registry.load(brief.engine), "room", None)
    return None if count is None else count(brief)


def model() -> dict[str, Any]:
    """Which language model writes, and for which engines: its `title`, its `parameters` (0 where it is not here yet), its `origin`."""
    engines = [name for name, info in registry.infos().items() if language.EMBEDDED in info.models]
    try:
        found = language.facts(language.chosen())
    except UserError:  # told where a round is asked for
        return {"engines": engines, "title": language.label(language.chosen()), "parameters": 0, "origin": ""}
    return {"engines": engines, "title": found.title, "parameters": found.parameters, "origin": found.origin}


def where(state: State, current: Round, end: int) -> int:
    """Where in the notebook, as it is now, the texts of a round go on."""
    return end if current.at is None else min(end, anchor(state.writing, current.event, current.at))


def _text(state: State, place: Place) -> str:
    found = state.made(place).text
    if found is None:
        raise StudioError("Round {round} made no texts.", "Choose a round of text mode.", round=place.round)
    return found


def _standing(document: Document, place: Place, text: str) -> int | None:
    """Where a variant's words stand in the notebook, whole; None where they do not."""
    found = document.find(place)
    if found is None or not text:
        return None
    at = document.text.find(text, max(0, found[0] - len(text)), found[1] + len(text))
    return at if at >= 0 else None


def _moved(pieces: list[Piece], state: State, number: int) -> list[Piece]:
    """Pieces of the text as it was before the act `number`, in the text after it."""
    match state.writing[number]:
        case Spliced(pieces=others):
            pass
        case notebook.Recalled():
            others = diff(replay(state.writing, number).text, replay(state.writing, number + 1).text)
    out: list[Piece] = []
    for piece in pieces:
        begin = shifted(piece.at, others)
        end = max(begin, shifted(piece.at + piece.cut, others, after=False)) if piece.cut else begin
        out.append(Piece(at=begin, cut=end - begin, put=piece.put))
    return out
