"""The append-only log of all sessions, in SQL: SQLite in WAL mode by default, any database that SQLAlchemy knows by URL."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    case,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from engines.api import UserError

from .events import AnyEvent, Ended, Proposed, StudioError, blobs_of, from_json, to_json

logger = logging.getLogger(__name__)

SCHEMA = 1

metadata = MetaData()
versions = Table("schema_version", metadata, Column("version", Integer, primary_key=True))
sessions = Table(
    "sessions", metadata, Column("id", String(32), primary_key=True), Column("created", String(32), nullable=False)
)
events = Table(
    "events",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
)
uses = Table(
    "uses",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True, index=True),
)


def would_be_new(url: str) -> bool:
    """Whether opening the log makes its file. Whatever else is the matter with it, opening it says so."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database and not parsed.database.startswith("file:"):
            Path(parsed.database).stat()
    except FileNotFoundError:
        return True
    except (ArgumentError, OSError, ValueError):
        pass
    return False


class Log:
    """Events by session and number. An event is on disk when `append` returns."""

    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()  # one number at a time; other processes are caught by the primary key
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(
                parsed, connect_args={"timeout": 30} if parsed.get_backend_name() == "sqlite" else {}
            )
            if parsed.get_backend_name() == "sqlite":
                event.listen(self._engine, "connect", _tune_sqlite)
            self._open()
        except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
            raise StudioError(
                "{value!r} is not a database we can open: {why}.", "Try sqlite:///studio.db.", value=url, why=str(error)
            ) from None
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error

    def _open(self) -> None:
        with self._engine.begin() as connection:
            metadata.create_all(connection)
            found = connection.execute(select(func.max(versions.c.version))).scalar()
            if found is None:
                connection.execute(insert(versions).values(version=SCHEMA))
            elif found > SCHEMA:
                raise StudioError(
                    "The log was written by a newer Duet (schema {value}, this one knows {known}).",
                    "Update Duet, or point --db elsewhere.",
                    value=found,
                    known=SCHEMA,
                )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise _unusable(error) from error

    def create(self) -> str:
        """A new session with a random name that cannot be guessed (128 bits)."""
        id = secrets.token_hex(16)
        with self._transaction() as connection:
            connection.execute(insert(sessions).values(id=id, created=_now()))
        return id

    def append(self, session: str, what: AnyEvent) -> int:
        """Adds an event and returns its number, counted from 0 within the session. Raises `StudioError` for an unknown session."""
        row = {"session": session, "at": _now(), "kind": what.kind, "body": to_json(what)}
        with self._lock:
            for _ in range(20):  # another process may take the number first
                try:
                    with self._transaction() as connection:
                        self._require(connection, session)
                        last = connection.execute(
                            select(func.max(events.c.number)).where(events.c.session == session)
                        ).scalar()
                        number = 0 if last is None else last + 1
                        connection.execute(insert(events).values(number=number, **row))
                        self._note_uses(connection, session, blobs_of([what]))
                    return number
                except IntegrityError:
                    continue
        raise StudioError("The log is busy.", "Try again in a moment.")

    def read(self, session: str, after: int = -1) -> dict[int, AnyEvent]:
        """The session's events with a number above `after`, in order. Raises `StudioError` for an unknown session."""
        with self._transaction() as connection:
            self._require(connection, session)
            rows = connection.execute(
                select(events.c.number, events.c.body)
                .where(events.c.session == session, events.c.number > after)
                .order_by(events.c.number)
            ).all()
        try:
            return {number: from_json(body) for number, body in rows}
        except (ValueError, UserError, RecursionError) as error:  # another version wrote it, or something damaged it
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise StudioError(
                "Session {value} cannot be read: {why}.", "Begin a new one.", value=session[:6], why=why.rstrip(".")
            ) from error

    def sessions(self) -> list[dict[str, Any]]:
        """Every session: `id`, `created` and how many `events` it has, oldest first."""
        query = (
            select(sessions.c.id, sessions.c.created, func.count(events.c.number).label("events"))
            .outerjoin(events, events.c.session == sessions.c.id)
            .group_by(sessions.c.id, sessions.c.created)
            .order_by(sessions.c.created)
        )
        with self._transaction() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def having(self, kind: str) -> list[str]:
        """The sessions with an event of this kind, the newest session first."""
        query = (
            select(sessions.c.id)
            .where(sessions.c.id.in_(select(events.c.session).where(events.c.kind == kind)))
            .order_by(sessions.c.created.desc())
        )
        with self._transaction() as connection:
            return list(connection.execute(query).scalars())

    def check(self, session: str) -> None:
        """Raises `StudioError` for an unknown session."""
        with self._transaction() as connection:
            self._require(connection, session)

    def uses(self, session: str, sha256: str) -> bool:
        """Whether this session has to do with the blob."""
        query = select(uses.c.session).where(uses.c.session == session, uses.c.sha256 == sha256)
        with self._transaction() as connection:
            return connection.execute(query).first() is not None

    def unused(self, blobs: set[str]) -> set[str]:
        """Those of the blobs that no session has to do with."""
        with self._transaction() as connection:
            used = connection.execute(select(uses.c.sha256).where(uses.c.sha256.in_(blobs))).scalars()
            return blobs - set(used)

    def forget(self, session: str) -> set[str]:
        """Deletes the session and returns the blobs that no other session uses."""
        with self._lock, self._transaction() as connection:
            self._require(connection, session)
            mine = set(connection.execute(select(uses.c.sha256).where(uses.c.session == session)).scalars())
            for table in (events, uses):
                connection.execute(delete(table).where(table.c.session == session))
            connection.execute(delete(sessions).where(sessions.c.id == session))
        return self.unused(mine)

    def interrupted(self) -> int:
        """Ends every round that was under way when its process died. Call it once, by the process that runs the desk."""
        count = 0
        for session in self._unfinished():
            open_rounds: set[int] = set()
            try:
                known = self.read(session)
            except StudioError as error:  # the others are none the worse
                logger.warning("What was interrupted in a session is not known. %s", error)
                continue
            for what in known.values():
                if isinstance(what, Proposed):
                    open_rounds.add(what.round)
                elif isinstance(what, Ended):
                    open_rounds.discard(what.round)
            for number in sorted(open_rounds):
                self.append(session, Ended(round=number, status="interrupted"))
                count += 1
        return count

    def _unfinished(self) -> list[str]:
        """Sessions with more rounds begun than ended, counted in the database so that old ones need not be read."""
        begun, ended = (func.sum(case((events.c.kind == kind, 1), else_=0)) for kind in ("proposed", "ended"))
        query = select(events.c.session).group_by(events.c.session).having(begun > ended)
        with self._transaction() as connection:
            return list(connection.execute(query).scalars())

    def close(self) -> None:
        self._engine.dispose()

    def _require(self, connection: Connection, session: str) -> None:
        if connection.execute(select(sessions.c.id).where(sessions.c.id == session)).first() is None:
            raise StudioError("There is no session {value!r} here.", "Begin a new one.", value=session[:40])

    def _note_uses(self, connection: Connection, session: str, blobs: set[str]) -> None:
        known = set(
            connection.execute(
                select(uses.c.sha256).where(uses.c.session == session, uses.c.sha256.in_(blobs))
            ).scalars()
        )
        new = [{"session": session, "sha256": sha} for sha in sorted(blobs - known)]
        if new:
            connection.execute(insert(uses), new)


def _tune_sqlite(connection: Any, _record: Any) -> None:
    """Readers beside a writer, and a commit that survives a power cut."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _unusable(error: Exception) -> StudioError:
    why = str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)
    return StudioError(
        "The log cannot be used: {why}.",
        "Check that its disk has room and can be written; a damaged file can be moved away, and a new one begins.",
        why=why,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
