"""Two networks at play in the plane (`engines.image.gan.toy`): a game for each session, and what the page asks of it.

All games share one thread, a frame each in turn, so that nobody's holds up another's: with many, each is seen less often and the steps
between two frames grow instead. While a round is painted that thread rests three quarters of its time, however many they are. A game
that cannot keep up with the speed that was asked for is told so; one that nobody looks at does not run.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from engines.api import check_options
from engines.image.gan.plan import LOSSES

from . import locales
from .asked import MAX_ASKED, answering, read_json, received, too_long
from .desk import ASIDES
from .events import StudioError
from .session import Studio

if TYPE_CHECKING:
    from engines.image.gan.toy import Options, Toy

log = logging.getLogger(__name__)

NOW = {"Cache-Control": "no-store"}
FRAMES = 30  # a second, at most
FASTEST = 1000  # steps a second that may be asked for
BURST, ALL = 0.05, 0.3  # seconds that a turn may take, and one of each game that runs
PLAYING, KEPT = 32, 128  # games that run at once, and that are kept while they stand still
IDLE = 600  # seconds after which a game that nobody touched stops
REST = 3  # times as long as a turn took the thread rests after it, while a round is painted
BEHIND, SLOW = 1.0, 3.0  # seconds of steps that a game makes up for, and in which it is told that there were more
HEARS = 0.2  # seconds after which a slow game knows that the studio closes
WIDE = 1.5  # half-widths of the plane from the middle to where places are cut off when they are sent
Told = dict[str, Any]


@dataclass
class Game:
    """A session's game. `run` counts how often it was set going, so that an older stream knows that it is over."""

    toy: Toy
    touched: float = field(default_factory=time.monotonic)
    run: int = 0
    playing: bool = False
    stepped: float = 0.0  # steps done since it was set going


def routes(studio: Studio) -> list[Route]:
    games = Games(studio)
    return [Route("/toy", straight), Route("/duet/{session}/toy/{act}", answering(games.act), methods=["POST"])]


async def straight(request: Request) -> Response:
    """The short address of the view, to be given to others: the page, which opens it at once in a session of their own."""
    return RedirectResponse("./?toy", headers=NOW)


class Games:
    """The games of a studio, and the handlers. A session sees its own alone."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._games: OrderedDict[str, Game] = OrderedDict()  # by session, the one touched last at the end
        self._lock = threading.Lock()
        self._turns = ThreadPoolExecutor(1, "games", _alone)  # torch loads with the first turn

    async def act(self, request: Request) -> Response:
        """One of `ACTS`, or `play`: frames as lines of JSON until the page hangs up, or something else is done with the game."""
        act, session = request.path_params["act"], request.path_params["session"]
        await run_in_threadpool(self._studio.session, session)
        said = read_json(await received(request, MAX_ASKED, too_long))
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        if act == "play":
            return await self._play(session, said, text)
        if act not in ACTS:
            raise StudioError("There is no file {value}.", value=act[:80])
        done = await asyncio.wrap_future(self._turns.submit(ACTS[act], self, session, said, text))
        return JSONResponse(done, headers=NOW)

    # ── Acts, all in the one thread ──────────────────────────────────────────────────────────────────────────────────

    def begin(self, session: str, said: Told, text: locales.Table) -> Told:
        """A new game: `{"points": [[x, y], …] or "preset": "ring", "options": {…}}`. The answer has its points and how it can be played."""
        from engines.image.gan import toy

        points = toy.preset(said.get("preset", "ring")) if "points" not in said else said["points"]
        game = Game(toy.Toy(points, self._options(said)))
        with self._lock:
            if before := self._games.pop(session, None):
                before.run, before.playing = before.run + 1, False
            self._games[session] = game
            still = [name for name, each in self._games.items() if not each.playing]
            for name in still[: max(0, len(self._games) - KEPT)]:
                del self._games[name]
        about = {"points": game.toy.points.numpy().round(3).tolist(), "presets": list(toy.PRESETS)}
        about |= {"fewest": toy.FEWEST, "most": toy.MOST}
        return about | {"options": self._described(game.toy.options, text), "games": _formulas(), **frame(game.toy)}

    def points(self, session: str, said: Told, text: locales.Table) -> Told:
        """Other points for the same networks."""
        game = self._mine(session)
        game.toy.take(said.get("points"))
        return frame(game.toy)

    def tune(self, session: str, said: Told, text: locales.Table) -> Told:
        """Other options for the same points; the answer tells whether that took new networks."""
        game = self._mine(session)
        fresh = game.toy.tune(self._options(said))
        return {"fresh": fresh, "options": self._described(game.toy.options, text), **frame(game.toy)}

    def step(self, session: str, said: Told, text: locales.Table) -> Told:
        """A step of `who`: "discriminator", "generator" or "both"."""
        game = self._mine(session, ends=True)
        game.toy.step(said.get("who", "both"))
        return frame(game.toy)

    def look(self, session: str, said: Told, text: locales.Table) -> Told:
        """The game as it stands, which ends its running."""
        return frame(self._mine(session, ends=True).toy)

    # ── Running ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _play(self, session: str, said: Told, text: locales.Table) -> Response:
        rate = said.get("speed", FRAMES)
        if type(rate) not in (int, float) or not 0 < rate <= FASTEST:
            about = {"key": "speed", "value": rate, "kind": "a number", "low": 0, "high": FASTEST}
            raise StudioError("{key} is {value!r}.", "It must be {kind} from {low} to {high}.", **about)
        game = self._mine(session, ends=True)
        with self._lock:
            if sum(each.playing for each in self._games.values()) >= PLAYING:
                raise StudioError(
                    "{count} games are running here already.", "Wait until one stands still.", count=PLAYING
                )
            game.playing, game.stepped = True, 0.0
        return StreamingResponse(
            self._lines(game, game.run, rate, text), media_type="application/x-ndjson", headers=NOW
        )

    async def _lines(self, game: Game, run: int, rate: float, text: locales.Table) -> AsyncIterator[bytes]:
        pause, began, slow = 1 / min(rate, FRAMES), time.monotonic(), 0.0
        try:
            while game.run == run and not self._studio.desk.closed:
                if time.monotonic() - game.touched > IDLE:
                    yield _line({"idle": IDLE // 60})
                    return
                now = time.monotonic()
                due, wanted = now + pause, (now - began) * rate - game.stepped
                if wanted > max(2.0, BEHIND * rate):
                    began, slow = began + wanted / rate - BEHIND, now + SLOW
                    wanted = BEHIND * rate
                told = await asyncio.wrap_future(
                    self._turns.submit(self._turn, game, run, max(1, int(wanted)), self._burst())
                )
                if told is None:
                    return
                yield _line(told | {"slow": now < slow})
                while (rest := due - time.monotonic()) > 0 and not self._studio.desk.closed:
                    await asyncio.sleep(min(rest, HEARS))
        except Exception:
            log.exception("a game of two networks broke")
            yield _line({"error": text.template(locales.BUG)})
        finally:
            if game.run == run:
                game.playing = False

    def _turn(self, game: Game, run: int, steps: int, burst: float) -> Told | None:
        """So many steps, fewer where they take long, and what is seen then; None where somebody ended it meanwhile. In the one thread."""
        began = time.monotonic()
        for _ in range(steps):
            if game.run != run:
                return None
            game.toy.step()
            game.stepped += 1
            if time.monotonic() - began > burst:
                break
        told = frame(game.toy)
        if self._studio.desk.held(ASIDES):  # somebody's round is painted
            time.sleep(REST * (time.monotonic() - began))
        return told

    def _burst(self) -> float:
        with self._lock:
            return min(BURST, ALL / max(1, sum(each.playing for each in self._games.values())))

    # ── What they share ──────────────────────────────────────────────────────────────────────────────────────────────

    def _mine(self, session: str, ends: bool = False) -> Game:
        with self._lock:
            if session not in self._games:
                raise StudioError("This game is over.", "Begin it anew: your points are kept.")
            self._games.move_to_end(session)
            game = self._games[session]
            game.touched = time.monotonic()
            if ends:
                game.run, game.playing = game.run + 1, False
        return game

    def _options(self, said: Told) -> Options:
        from engines.image.gan.toy import Options

        given = said.get("options", {})
        if not isinstance(given, dict):
            raise StudioError("What was sent is not a JSON object.", "Mend it and try again.")
        return Options(**check_options(Options, given))

    def _described(self, options: Options, text: locales.Table) -> list[Told]:
        """The options for the page: name, value, bounds or choices, and help in the page's language."""
        kept = ("low", "high", "step", "choices")
        return [
            {
                "name": spec.name,
                "value": getattr(options, spec.name),
                **{key: spec.metadata[key] for key in kept},
                "help": text.template(spec.metadata["help"]),
            }
            for spec in fields(options)
        ]


ACTS: dict[str, Callable[[Games, str, Told, locales.Table], Told]] = {
    "begin": Games.begin,
    "points": Games.points,
    "tune": Games.tune,
    "step": Games.step,
    "look": Games.look,
}


def _alone() -> None:
    from engines.device import compute_alone

    compute_alone()


def _line(told: Told) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def _formulas() -> dict[str, dict[str, str]]:
    from engines.image.gan.losses import GAMES

    return {name: {"formula": GAMES[name].formula, "source": GAMES[name].source} for name in LOSSES}


def frame(toy: Toy) -> Told:
    """What the page draws: numbers as they are; places, 16 bits each, low byte first, of -WIDE to WIDE; arrows shortened to less than
    1 (v / (1 + |v|)), 8 bits with a sign, 127 being 1; the field 8 bits, 255 being 1. All in base64."""
    found = toy.state()
    told = {name: value for name, value in asdict(found).items() if not isinstance(value, np.ndarray)}
    told = {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}
    if found.told == "lost":  # JSON knows no infinity
        told |= {name: None for name, value in told.items() if isinstance(value, float) and not np.isfinite(value)}
    long = np.linalg.norm(found.arrows, axis=1, keepdims=True)
    return told | {
        "samples": _places(found.samples),
        "bent": _places(found.bent),
        "arrows": _packed(found.arrows / (1 + long) * 127, "<i1"),
        "field": _packed(found.field * 255, "<u1"),
    }


def _places(found: np.ndarray[Any, Any]) -> str:
    return _packed((np.clip(found, -WIDE, WIDE) / WIDE + 1) / 2 * 65535, "<u2")


def _packed(numbers: np.ndarray[Any, Any], kind: str) -> str:
    return base64.b64encode(np.rint(np.nan_to_num(numbers)).astype(kind).tobytes()).decode()
