"""Two networks at play in the plane: what they learn, what is seen of it, and how the page's questions are answered."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import threading
import time

import numpy as np
import pytest
import torch

from engines.device import compute_alone
from engines.errors import EngineError
from engines.image.gan.losses import GAMES
from engines.image.gan.toy import FIELD, LINE, NET, PRESETS, SHOWN, Options, Toy, preset
from studio import toy as games
from studio import web
from studio.session import Studio

EVEN = -math.log(4)


def played(steps: int, who="both", points="ring", **options) -> Toy:
    game = Toy(preset(points), Options(**options))
    for _ in range(steps):
        game.step(who)
    return game


def weights(network) -> list[np.ndarray]:
    return [each.detach().numpy().copy() for each in network.parameters()]


def same(one, other) -> bool:
    return all((a == b).all() for a, b in zip(one, other, strict=True))


# ── The game ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_game_reaches_a_ring_and_its_value_goes_to_minus_log_4(one_thread):
    game = played(0)
    for _ in range(15):
        game.step("discriminator")
    begun = game.state()
    for _ in range(900):
        game.step()
    found = game.state()
    assert begun.value > EVEN + 0.1  # D has seen through the clump
    assert abs(found.value - EVEN) < 0.05
    assert abs(found.value - EVEN) < abs(begun.value - EVEN) / 2
    assert begun.reached < 0.3
    assert found.reached > 0.8
    assert found.near > 0.8
    radius = np.linalg.norm(found.samples, axis=1)
    assert abs(np.median(radius) - 0.62) < 0.06
    assert (found.real, found.fake) == pytest.approx((0.5, 0.5), abs=0.05)


@pytest.mark.parametrize("loss", GAMES)
@pytest.mark.parametrize("options", [{"dimensions": 1, "noise": "normal"}, {"r1": 0.0, "steps_d": 2}])
def test_every_game_is_played_and_seen(loss, options, one_thread):
    game = played(3, loss=loss, hidden=8, batch=8, **options)
    found = game.state()
    assert (found.step, found.turns) == (3, 3 * options.get("steps_d", 1))
    assert found.samples.shape == found.arrows.shape == (SHOWN, 2)
    assert found.field.shape == (FIELD, FIELD)
    assert found.bent.shape == ((LINE, 2) if game.options.dimensions == 1 else (NET * NET, 2))
    assert ((found.field >= 0) & (found.field <= 1)).all()
    assert found.value <= 0
    assert all(map(math.isfinite, (found.discriminator, found.generator, found.real, found.fake)))


def test_the_same_seed_plays_the_same_game_and_looking_changes_nothing(one_thread):
    one, other = played(20, seed=3), Toy(preset("ring"), Options(seed=3))
    for _ in range(20):
        other.step()
        other.state()
    assert (one.state().samples == other.state().samples).all()
    assert one.state().value == other.state().value
    assert not (one.state().samples == played(20, seed=4).state().samples).all()


def test_each_learns_alone(one_thread):
    game = played(2)
    g, d = weights(game._g), weights(game._d)
    game.step("discriminator")
    assert same(weights(game._g), g)
    assert not same(weights(game._d), d)
    d = weights(game._d)
    game.step("generator")
    assert same(weights(game._d), d)
    assert not same(weights(game._g), g)
    assert (game.steps, game.turns) == (3, 3)


def test_arrows_point_to_where_the_generators_loss_falls(one_thread):
    game = played(40, "discriminator")
    found = game.state()
    places = torch.from_numpy(found.samples)
    moved = places + 1e-3 * torch.from_numpy(found.arrows)
    with torch.no_grad():
        before, after = (game._d(each)[:, 0] for each in (places, moved))
    pushed = np.linalg.norm(found.arrows, axis=1) > 1e-3
    assert pushed.any()
    assert (after > before).numpy()[pushed].all()


def test_the_field_is_what_the_discriminator_believes_from_the_lower_left(one_thread):
    game = played(30, points="lumps")
    cell = 2 / FIELD
    corner = torch.tensor(
        [[-1 + cell / 2, -1 + cell / 2], [1 - cell / 2, -1 + cell / 2], [-1 + cell / 2, 1 - cell / 2]]
    )
    with torch.no_grad():
        wanted = torch.sigmoid(game._d(corner))[:, 0].numpy()
    field = game.state().field
    assert (field[0, 0], field[0, -1], field[-1, 0]) == pytest.approx(tuple(wanted), abs=1e-5)


def test_minimax_teaches_less_where_the_discriminator_is_sure(one_thread):
    pushes = []
    for loss in ("minimax", "non-saturating"):
        found = played(300, "discriminator", loss=loss, r1=0.0, rate_d=0.02).state()
        assert found.fake < 0.07
        assert found.told == "sure"
        pushes.append(np.linalg.norm(found.arrows, axis=1).mean())
    assert pushes[0] < pushes[1] / 5


def test_missing_modes_are_told(one_thread):
    game = played(0, points="grid")
    game.take(preset("ring") * 0.1)
    for _ in range(320):
        game.step()
    assert game.state().told == ""
    game.take(np.concatenate([preset("ring")[::4] * 0.1, preset("grid")[np.abs(preset("grid")).max(1) > 0.4]]))
    assert game.state().told == "modes"  # what it learned is good, and leaves out eight lumps


def test_options_are_turned_while_they_play(one_thread):
    game = played(5)
    before = weights(game._g)
    assert game.tune(Options(rate_g=0.01, loss="hinge")) is False
    assert same(weights(game._g), before)
    assert game._learn_g.param_groups[0]["lr"] == 0.01
    assert game.tune(Options(rate_g=0.01, loss="hinge", hidden=8)) is True
    assert game.steps == 0
    assert game._learn_g.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("name", PRESETS)
def test_presets_lie_in_the_plane(name):
    found = preset(name)
    assert (np.abs(found) <= 1).all()
    assert (found == preset(name)).all()
    Toy(found)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([], "There are 0 points"),
        ([[0, 0]] * 7, "There are 7 points"),
        ([[0, 0]] * 2001, "at most 2000"),
        ([[0, 0]] * 9 + [[0, 1.5]], "no points of the plane"),
        ([[0, math.nan]] * 9, "no points of the plane"),
        ([[0, 0, 0]] * 9, "no points of the plane"),
        ([[0, 0]] * 9 + [[0]], "no points of the plane"),
        ("ring", "no points of the plane"),
        ([["a", "b"]] * 9, "no points of the plane"),
        (None, "no points of the plane"),
        ({"x": 1}, "no points of the plane"),
    ],
)
def test_what_is_no_game_is_told(points, told):
    with pytest.raises(EngineError, match=told):
        Toy(points)
    with pytest.raises(EngineError, match="star"):
        preset("star")


# ── The routes ───────────────────────────────────────────────────────────────────────────────────────────────────────


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
