"""Two networks at play in the plane: how the page's questions are answered, by how many threads, and when games end."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time

import numpy as np
import pytest
import torch

from engines.device import compute_alone
from engines.image.gan.losses import GAMES
from engines.image.gan.toy import FIELD, Toy, preset
from studio import toy as games
from studio import web
from studio.session import Studio


@pytest.fixture
def ask(home):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    studio = Studio()
    client, session = TestClient(Starlette(routes=web.routes(studio))), studio.new_session().id

    def post(act, said=None, session=session, lang="en"):
        content = said if isinstance(said, bytes) else json.dumps(said or {}).encode()
        return client.post(f"/duet/{session}/toy/{act}?lang={lang}", content=content)

    post.studio, post.other, post.client = studio, studio.new_session().id, client
    yield post
    studio.close()


def test_a_game_is_begun_stepped_and_looked_at(ask):
    begun = ask("begin", {"preset": "lumps", "options": {"hidden": 8, "seed": 5}}).json()
    assert np.array(begun["points"]) == pytest.approx(preset("lumps"), abs=1e-3)
    assert begun["games"]["hinge"]["formula"] == GAMES["hinge"].formula
    assert {each["name"]: each["value"] for each in begun["options"]}["hidden"] == 8
    assert (begun["step"], begun["turns"]) == (0, 0)
    stepped = ask("step", {"who": "discriminator"}).json()
    assert (stepped["step"], stepped["turns"]) == (0, 1)
    assert stepped["samples"] == begun["samples"]
    assert stepped["field"] != begun["field"]
    stepped = ask("step", {"who": "generator"}).json()
    assert (stepped["step"], stepped["turns"]) == (1, 1)
    assert ask("look").json() == stepped
    assert ask("tune", {"options": {"hidden": 8, "seed": 5, "r1": 1}}).json()["fresh"] is False
    assert ask("points", {"points": preset("ring").tolist()}).json()["step"] == 1


def test_its_short_address_leads_to_the_page_that_opens_it(ask):
    answer = ask.client.get("/toy", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "./?toy")  # relative: below any path
    assert "immutable" not in answer.headers["cache-control"]


def test_what_is_sent_is_what_there_is_to_see(ask, one_thread):
    told, game = ask("begin", {"preset": "ring"}).json(), Toy(preset("ring"))
    found = game.state()
    places = np.frombuffer(base64.b64decode(told["samples"]), "<u2").reshape(-1, 2) / 65535 * 2 - 1
    assert places * games.WIDE == pytest.approx(found.samples, abs=1e-4)
    field = np.frombuffer(base64.b64decode(told["field"]), np.uint8).reshape(FIELD, FIELD) / 255
    assert field == pytest.approx(found.field, abs=0.003)
    arrows = np.frombuffer(base64.b64decode(told["arrows"]), np.int8).reshape(-1, 2) / 127
    assert arrows == pytest.approx(found.arrows / (1 + np.linalg.norm(found.arrows, axis=1, keepdims=True)), abs=0.005)
    assert told["value"] == pytest.approx(found.value, abs=1e-3)
    assert len(json.dumps(games.frame(game))) < 5000


@pytest.mark.parametrize(
    ("act", "said", "told"),
    [
        ("begin", {"points": [[0, 0]]}, "There are 1 points"),
        ("begin", {"preset": "star"}, "Choose one of: ring"),
        ("begin", {"preset": ["ring"]}, "Choose one of: ring"),
        ("begin", {"options": {"loss": "wasserstein"}}, "non-saturating"),
        ("begin", {"options": {"rate_d": 5}}, "rate_d"),
        ("begin", {"options": [1]}, "not a JSON object"),
        ("begin", b"{", "not valid JSON"),
        ("step", {"who": "me"}, "discriminator, generator, both"),
        ("step", {"who": [1]}, "discriminator, generator, both"),
        ("points", {}, "no points of the plane"),
        ("tune", {"options": {"speed": 1}}, "Unknown option"),
        ("play", {"speed": 0}, "speed is 0"),
        ("play", {"speed": "fast"}, "speed is 'fast'"),
        ("dance", {}, "no file dance"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_words_and_harms_no_game(ask, act, said, told):
    before = ask("begin").json()
    answer = ask(act, said)
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert ask(act, said, lang="zh").json()["error"] != answer.json()["error"]
    assert ask("look").json()["samples"] == before["samples"]


def test_a_game_is_its_sessions_own(ask):
    ask("begin")
    for act in ("step", "look", "play"):
        assert "This game is over" in ask(act, session=ask.other).json()["error"]
        assert ask(act, session="nobody").status_code == 400
    ask("begin", {"preset": "line"}, session=ask.other)
    ask("step", session=ask.other)
    assert ask("look").json()["step"] == 0


def stream(found: games.Games, session: str, speed: float, until, seconds: float = 10.0):
    """Lines of a running game until `until(lines)` holds, as the page reads them; then it hangs up."""

    async def read():
        answer = await found._play(session, {"speed": speed}, None)
        lines = []
        async for line in answer.body_iterator:
            lines.append(json.loads(line))
            if until(lines):
                break
        await answer.body_iterator.aclose()
        return lines

    return asyncio.run(asyncio.wait_for(read(), seconds))


@pytest.fixture
def playing(home):
    studio = Studio()
    found, session = games.Games(studio), studio.new_session().id
    found._turns.submit(found.begin, session, {}, games.locales.table("en")).result()
    yield found, session
    studio.close()


def test_a_game_runs_and_stops_as_soon_as_nobody_listens(playing):
    found, session = playing
    lines = stream(found, session, 60, lambda lines: len(lines) == 12)
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps))
    assert found._games[session].playing is False
    stood = found._games[session].toy.steps
    time.sleep(0.2)
    assert found._games[session].toy.steps == stood


def test_more_speed_is_more_steps_a_frame_and_little_speed_one(playing):
    found, session = playing
    fast = stream(found, session, 900, lambda lines: len(lines) == 6)
    assert fast[-1]["step"] - fast[0]["step"] > 5
    slow = stream(found, session, 10, lambda lines: len(lines) == 3)
    assert [line["step"] - slow[0]["step"] for line in slow] == [0, 1, 2]


def test_an_act_ends_the_running(playing):
    found, session = playing
    table = games.locales.table("en")

    def act():
        time.sleep(0.3)
        found._turns.submit(found.step, session, {"who": "generator"}, table).result()

    other = threading.Thread(target=act)
    other.start()
    lines = stream(found, session, 30, lambda lines: False)  # ends by itself
    other.join()
    assert lines
    assert found._games[session].toy.steps == found._games[session].toy.turns + 1


def test_an_idle_game_stops_and_says_so(playing, monkeypatch):
    found, session = playing
    monkeypatch.setattr(games, "IDLE", 0.2)
    lines = stream(found, session, 30, lambda lines: False)
    assert lines[-1].keys() == {"idle"}
    assert found._games[session].playing is False


def test_games_take_turns_and_there_is_a_limit(home, monkeypatch):
    monkeypatch.setattr(games, "PLAYING", 4)
    studio = Studio()
    found, table = games.Games(studio), games.locales.table("en")
    sessions = [studio.new_session().id for _ in range(5)]
    for session in sessions:
        found._turns.submit(found.begin, session, {}, table).result()

    async def listen(session):
        answer = await found._play(session, {"speed": 30}, table)
        async for line in answer.body_iterator:
            if json.loads(line)["step"] >= 15:
                break
        await answer.body_iterator.aclose()
        return found._games[session].toy.steps

    async def together():
        four = [asyncio.create_task(listen(session)) for session in sessions[:4]]
        await asyncio.sleep(0.05)
        with pytest.raises(games.StudioError, match="4 games are running"):
            await found._play(sessions[4], {"speed": 30}, table)
        return await asyncio.gather(*four)

    steps = asyncio.run(together())
    assert min(steps) >= 15
    assert max(steps) < 45  # nobody ran away while others waited
    assert asyncio.run(listen(sessions[4])) >= 15  # and then there is room
    studio.close()


def test_while_a_round_is_painted_all_games_together_rest_most_of_the_time(home):
    """However many they are; and who watches is told that it is slower than was asked for."""
    studio = Studio()
    found, table, goes = games.Games(studio), games.locales.table("en"), threading.Event()
    sessions = [studio.new_session().id for _ in range(8)]
    for session in sessions:
        found._turns.submit(found.begin, session, {}, table).result()
    busy, turn = [], found._turn

    def timed(game, run, steps, burst):
        began = time.thread_time()
        told = turn(game, run, steps, burst)
        busy.append(time.thread_time() - began)
        return told

    found._turn = timed

    async def listen(session, seconds):
        end, slow = time.monotonic() + seconds, False
        answer = await found._play(session, {"speed": 200}, table)
        async for line in answer.body_iterator:
            slow = slow or json.loads(line)["slow"]
            if time.monotonic() > end:
                break
        await answer.body_iterator.aclose()
        return slow

    async def together(seconds):
        return await asyncio.gather(*(listen(session, seconds) for session in sessions))

    def work(cancelled):
        goes.wait(30)
        yield from ()

    studio.desk.submit("another", 0, work)
    began = time.monotonic()
    slow = asyncio.run(together(2.5))
    share = sum(busy) / (time.monotonic() - began)
    goes.set()
    studio.close()
    assert any(slow)
    assert share < 0.35


def test_a_running_game_ends_when_the_studio_closes(playing):
    """At once, however slowly it plays."""
    found, session = playing
    threading.Timer(0.5, found._studio.desk.close).start()
    began = time.monotonic()
    assert len(stream(found, session, 0.1, lambda lines: False)) == 1
    assert time.monotonic() - began < 2


def test_its_thread_computes_alone_and_the_others_as_before():
    here, told = torch.get_num_threads(), []

    def alone():
        compute_alone()
        told.append(torch.get_num_threads())

    worker = threading.Thread(target=alone)
    worker.start()
    worker.join()
    fresh = threading.Thread(target=lambda: told.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert told == [1, here]
    assert torch.get_num_threads() == here


def test_games_that_stand_still_are_forgotten_one_day(playing, monkeypatch):
    found, _ = playing
    monkeypatch.setattr(games, "KEPT", 2)
    table = games.locales.table("en")
    for name in ("a", "b"):
        found._turns.submit(found.begin, name, {}, table).result()
    assert list(found._games) == ["a", "b"]
