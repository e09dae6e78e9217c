"""The one place where the parts meet: from settings to a node that runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors import ACTORS, TABLES
from actors.rights.rights import Rights
from bus.config import Accounts, Config, User
from bus.connection import Bus, connect
from bus.server import Server
from node.answers import Answers
from node.chores import Chores
from node.contacts import Contacts
from node.edge import Edge
from node.engine import Engine
from node.events import Events
from node.examining import Examiner
from node.fault import planted
from node.guests import described, keys_of, with_first
from node.handover import Handover
from node.home import Home, open_home
from node.intake import Intake
from node.jobs.fetching import Fetching
from node.jobs.kept import Kept
from node.jobs.worker import JOBS, Jobs
from node.keyring import Keyring
from node.lending import Lending
from node.links import Known, Links
from node.meeting import Meeting
from node.node import LANES, Node, Parts, clock, report, stream_settings
from node.operate import Operations
from node.promoting import Promoting
from node.questions import Questions
from node.relay import Relay, dress_sealed
from node.routes import Routes
from node.screening import Screening
from node.settings import Settings
from node.standing import FIRST, enrol, load
from node.workers.desk import Desk
from node.workers.own import Own
from node.workers.pinging import server_name
from node.workers.running import Running
from node.workers.voice import OwnVoice, Voice
from store.open import open_store
from store.store import Store

if TYPE_CHECKING:
    from node.http import Listener


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Home]:
    """Run a node as long as the context is open; it is ready when the context is entered."""
    settings.check()
    home = open_home(settings.data, settings.node)
    home.vault().create()
    async with AsyncExitStack() as stack:
        reach = planted()
        store = await stack.enter_async_context(open_store(home.database, reach=reach))
        home.endpoint_file.unlink(missing_ok=True)  # not before we know that no other process has it
        engine, is_new = await _know(home, settings, store)
        server = await _serve(stack, home, settings, engine.rights)
        bus = await _join(stack, home, settings, server)
        node, parts = _assemble(home, settings, (engine, store, bus, server), reach)
        async with asyncio.TaskGroup() as group:
            watcher = await _watch(stack, home, server)
            await (watcher or bus).watch_unknown(home.node, [actor.kind for actor in ACTORS], node.unknown)
            bus.on_disconnect = parts.relay.hold
            bus.on_reconnect = lambda: node.reconnected(group)
            await node.start(group)
            if is_new:
                await enrol(home.node, home.key(FIRST), parts.intake.call, clock)
            listener = await _listen(home, settings, parts)
            _announce(home, settings, parts, listener.url if listener else "")
            try:
                yield home
            finally:
                home.endpoint_file.unlink(missing_ok=True)
                if listener is not None:
                    await listener.stop()
                await node.stop()


async def _know(home: Home, settings: Settings, store: Store) -> tuple[Engine, bool]:
    """Return an engine that knows all rights, and whether the first admin is still to be made."""
    engine = Engine(home.node, ACTORS, store)
    engine.rights = await load(store, Rights(home.node, is_open=settings.is_open()))
    is_new = not (await engine.peek("user", FIRST)).version
    if is_new:
        engine.rights = with_first(engine.rights, home.key(FIRST).public)
    return engine, is_new


def _announce(home: Home, settings: Settings, parts: Parts, http_url: str) -> None:
    """Tell other programs where the node is, and whether its server knows the users."""
    seed = _operator_seed(home, settings)
    home.announce(parts.links.url, seed, http_url, vouches=parts.links.server is not None)


async def _serve(stack: AsyncExitStack, home: Home, settings: Settings, rights: Rights) -> Server | None:
    if settings.nats:
        return None
    accounts = node_accounts(home)
    accounts = replace(accounts, peers=Contacts(home.path / "peers").described(clock()))
    accounts = replace(accounts, users=described(rights, accounts.kinds, keys_of(accounts)))

    def config(port: int) -> Config:
        return Config(accounts=accounts, store=home.path / "nats" / "jetstream", port=port)

    server = Server(home.path / "nats", config, port=settings.port, on_error=report)
    return await stack.enter_async_context(server)


def node_accounts(home: Home) -> Accounts:
    """Return who may do what on the NATS of a node."""
    kinds = tuple(actor.kind for actor in ACTORS)
    return Accounts(
        node=home.node,
        kinds=kinds,
        node_key=home.key("node").public,
        operator_key=home.key("operator").public,
        system_key=home.key("system").public,
        watcher_key=home.key("watcher").public,
    )


async def _join(stack: AsyncExitStack, home: Home, settings: Settings, server: Server | None) -> Bus:
    bus = await connect(
        server.url if server else settings.nats,
        name=f"covey-{home.node}",
        seed_path=home.key("node").seed_path if server else settings.seed,
        credentials=settings.credentials,
        tls=settings.tls(),
        on_error=report,
    )
    return await stack.enter_async_context(bus)


async def _watch(stack: AsyncExitStack, home: Home, server: Server | None) -> Bus | None:
    """Connect as the user that hears commands of unknown kinds alone: the known ones cost nothing then."""
    if server is None:
        return None
    seed = home.key("watcher").seed_path
    bus = await connect(server.url, name=f"covey-watch-{home.node}", seed_path=seed, on_error=report)
    return await stack.enter_async_context(bus)


def _assemble(
    home: Home,
    settings: Settings,
    means: tuple[Engine, Store, Bus, Server | None],
    reach: Callable[[str], None],
) -> tuple[Node, Parts]:
    engine, store, bus, server = means
    url = server.url if server else settings.nats

    def is_stranger(proof: str) -> bool:
        return engine.rights.is_stranger(proof)

    edge = Edge(home.node, home.seal_secret(), is_stranger)
    examiner = Examiner(engine)
    handover = Handover(engine, edge.order, clock, examiner.wants)
    screening = Screening(examiner)
    intake = Intake(engine, lambda rows: node.relay(rows), reach, handover, screening)  # noqa: PLW0108  # the node is made below
    questions = Questions(intake, clock)
    dress = dress_sealed(home.seal_secret())

    async def known(peer: str) -> Known | None:
        live = await engine.peek("peer", peer)
        state = live.state
        return Known(state.status, state.url, state.public_key) if live.summary is not None else None

    def users(accounts: Accounts) -> tuple[User, ...]:
        return described(engine.rights, accounts.kinds, keys_of(accounts))

    links = Links(
        contacts=Contacts(home.path / "peers"),
        node=home.node,
        store=store,
        intake=intake,
        identity=home.key("identity"),
        url=url,
        clock=clock,
        report=report,
        known=known,
        server=server,
        accounts=node_accounts(home) if server else None,
        users=users,
        tls=settings.tls(),
    )

    meeting = Meeting(links, settings.advertise or url, intake.call, _scratch(home))
    answers = Answers(engine, store, ACTORS, questions.ask)
    fetching = Fetching(Kept(settings.means(home.path).directory), questions.ask)
    answers.completes["job_run", "fetch"] = fetching.complete
    streams = stream_settings(home.node, ACTORS, vouches=server is not None)
    voice = OwnVoice(intake.call, answers.answer, clock)
    desk = Desk(intake.note_sent, reach)
    relay = Relay(store, LANES, (bus.publish, dress), intake.note_sent, reach)
    relay.is_in_hand, desk.publish = desk.has, relay.give
    events = Events(home.node, engine, voice)
    jobs = _jobs(home, settings, (bus, voice))
    lending = Lending(voice, home.vault())
    promoting = Promoting(engine, store, (lending, examiner), settings.outside(home.path))
    parts = Parts(
        name=home.node,
        actors=ACTORS,
        store=store,
        bus=bus,
        engine=engine,
        intake=intake,
        relay=relay,
        desk=desk,
        links=links,
        answers=answers,
        operations=Operations(
            home.node,
            (store, bus, intake, meeting, engine, questions, examiner),
            streams,
            (clock, _sync_asker(home, server), home.vault(), None if jobs is None else jobs.isolation),
        ),
        chores=Chores(home.node, (engine, store, intake, answers, links), ACTORS, clock, promoting),
        questions=questions,
        edge=edge,
        handover=handover,
        own=_own(home, settings, (bus, voice, jobs, desk), reach) if settings.has_worker else None,
        events=events,
        hearers=[events.hear],
    )
    node = Node(parts)
    return node, parts


def _own(
    home: Home, settings: Settings, means: tuple[Bus, Voice, Jobs | None, Desk], reach: Callable[[str], None]
) -> Own:
    bus, voice, jobs, desk = means
    running = Running(bus, home.node, voice, settings.outside(home.path))
    runs = (running, settings.queues())
    return Own(bus, home.node, voice, TABLES, reach=reach, runs=runs, jobs=jobs, desk=desk)


def _jobs(home: Home, settings: Settings, means: tuple[Bus, Voice]) -> Jobs | None:
    if not settings.has_worker or JOBS in settings.left:
        return None
    bus, voice = means
    return Jobs(bus, home.node, voice, settings.means(home.path), server_name())


async def _listen(home: Home, settings: Settings, parts: Parts) -> Listener | None:
    address = settings.http_address()
    if address is None:
        return None
    from node.http import Listener, Means  # noqa: PLC0415  # a node that listens to nobody needs none of it

    routes = Routes(home.node)
    parts.hearers.append(routes.following.hear)
    await routes.load(parts.store, parts.engine)
    means = Means(
        node=home.node,
        edge=parts.edge,
        engine=parts.engine,
        intake=parts.intake,
        answers=parts.answers,
        keyring=Keyring(parts.engine, home.vault()),
        secret=home.seal_secret(),
        clock=clock,
    )
    listener = Listener(means, routes)
    try:
        await listener.open(*address)
    except OSError as error:
        raise ValueError(f"--http {settings.http} cannot be had: {error.strerror}; choose another") from error
    return listener


def _scratch(home: Home) -> Path:
    """Return an empty directory for seeds that live as long as a handshake."""
    path = home.path / "scratch"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


def _operator_seed(home: Home, settings: Settings) -> Path | None:
    return settings.seed if settings.nats else home.key("operator").seed_path


def _sync_asker(home: Home, server: Server | None) -> Callable[[], Awaitable[bool | None]]:
    async def ask() -> bool | None:
        if server is None:
            return None
        seed = home.key("system").seed_path
        async with await connect(server.url, name="covey-doctor", seed_path=seed) as system:
            return await system.sync_always()

    return ask
