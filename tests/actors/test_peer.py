from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors import ACTORS
from actors.actor import Acknowledged, Effect, Rejected, Relay, Repeat, Say, Task, Turn
from actors.peers import channel, speech
from actors.peers.channel import State, evolve
from actors.peers.gateway import PEERS_MAY
from actors.peers.peer import ACTOR, Command
from messages import peer, peer_events
from messages.base import Alarm, encode
from messages.envelope import Address, derive, micros
from messages.peer import FederatedMessage, Receive, To

AT = datetime(2026, 1, 2, tzinfo=UTC)
KEY = "UKEY"
LIFE = 7
MEET = peer.Meet(url="nats://lab:4222", public_key=KEY)
SEND = peer.Send(
    to=To(kind="booking", id="hpc"),
    verb="hold",
    body=msgspec.Raw(b"{}"),
    id="m-1",
    correlation="c",
    cause="x",
)


def turn(seconds: float = 0, message: str = "t-1") -> Turn:
    at = AT + timedelta(seconds=seconds)
    return Turn(me=Address("peer", "lab"), node="centre", message=message, at=at, correlation="c-1")


def do(state: State, *commands: Command, seconds: float = 0) -> State:
    for command in commands:
        state = reduce(evolve, ACTOR.decide(state, command, turn(seconds)), state)
    return state


def effects(state: State, command: Command, seconds: float = 0) -> list[Effect]:
    events = ACTOR.decide(state, command, turn(seconds))
    after = reduce(evolve, events, state)
    return [effect for event in events for effect in ACTOR.react(after, event, turn(seconds))]


def words(done: Sequence[Effect]) -> list[FederatedMessage]:
    said = [effect.body for effect in done if isinstance(effect, Say)]
    return [body for body in said if isinstance(body, FederatedMessage) and body.sequence == 0]


def said(sequence: int, **changes: Any) -> FederatedMessage:
    message = FederatedMessage(
        sender="lab",
        audience="centre",
        incarnation=LIFE,
        sequence=sequence,
        at=AT,
        to=To(kind="booking", id="hpc"),
        verb="hold",
        body=msgspec.Raw(b'{"units":%d}' % sequence),
        id=f"m-{sequence}",
    )
    return replace(message, **changes)


def heard(sequence: int, key: str = KEY, **changes: Any) -> Receive:
    return peer.arrived(encode(said(sequence, **changes)), key)


def word(**changes: Any) -> Receive:
    return heard(0, to=None, verb="", body=msgspec.Raw(b"null"), id="", **changes)


def code(state: State, command: Command) -> str:
    with pytest.raises(Rejected) as caught:
        ACTOR.decide(state, command, turn())
    return caught.value.code


def refused(state: State, command: Command) -> peer_events.Refused:
    (event,) = ACTOR.decide(state, command, turn())
    assert isinstance(event, peer_events.Refused)
    return event


UNKNOWN = State()
PARTNER = do(UNKNOWN, MEET)
PAUSED = do(PARTNER, peer.Pause())
BLOCKED = do(PARTNER, peer.Block(reason="rude"))
REMOVED = do(PARTNER, peer.Remove())
ASK = peer.Ask(question="q-1", kind="booking", id="hpc", query="freebusy")
ANSWER = peer.Answer(question="q-1", reply=msgspec.Raw(b"[1]"))

TABLE: list[tuple[Command, tuple[str, str, str, str, str]]] = [
    # what becomes of it when the peer is unknown, partner, paused, blocked, removed
    (MEET, ("met", "", "", "", "met")),
    (peer.Meet(url="nats://new", public_key=KEY), ("met", "moved", "moved", "moved", "met")),
    (peer.Meet(url="", public_key="UOTHER"), ("met", "!key_pinned", "!key_pinned", "!key_pinned", "met")),
    (peer.Pause(), ("!unknown_peer", "paused", "", "!peer_blocked", "!unknown_peer")),
    (peer.Resume(), ("!unknown_peer", "", "resumed", "resumed", "!unknown_peer")),
    (peer.Block(reason="rude"), ("!unknown_peer", "blocked", "blocked", "", "!unknown_peer")),
    (peer.Remove(), ("!unknown_peer", "removed", "removed", "removed", "")),
    (peer.Connected(), ("!unknown_peer", "", "", "", "!unknown_peer")),
    (SEND, ("!unknown_peer", "sent", "sent", "!peer_blocked", "!unknown_peer")),
    (ASK, ("!unknown_peer", "sent", "sent", "!peer_blocked", "!unknown_peer")),
    (heard(1), ("!unknown_peer", "received", "!peer_paused", "refused", "!unknown_peer")),
    (word(ack=0), ("!unknown_peer", "", "!peer_paused", "refused", "!unknown_peer")),
    (Alarm(name="digest", due=AT), ("", "digest_due", "", "", "")),
    (Alarm(name="ack", due=AT), ("", "", "", "", "")),
]


@pytest.mark.parametrize(("command", "expected"), TABLE)
def test_every_command_has_its_answer_in_every_state(command: Command, expected: tuple[str, ...]) -> None:
    for state, becomes in zip((UNKNOWN, PARTNER, PAUSED, BLOCKED, REMOVED), expected, strict=True):
        if becomes.startswith("!"):
            assert code(state, command) == becomes[1:]
        else:
            events = ACTOR.decide(state, command, turn())
            assert [type(event).__struct_config__.tag for event in events][:1] == (
                [f"peer.{becomes}"] if becomes else []
            )


@pytest.mark.parametrize(
    "command",
    [
        MEET,
        peer.Pause(),
        peer.Block(),
        peer.Remove(),
        peer.Connected(),
        heard(1),
        heard(3),
        word(replay_from=1),
    ],
)
def test_a_command_heard_again_changes_nothing(command: Command) -> None:
    once = do(PARTNER, command, seconds=90)

    assert do(once, command, seconds=90) == once


def test_a_peer_resumed_again_changes_nothing() -> None:
    resumed = do(PAUSED, peer.Resume())

    assert ACTOR.decide(resumed, peer.Resume(), turn()) == []


def test_meeting_begins_a_life_of_the_link_at_its_instant() -> None:
    assert PARTNER.ours.incarnation == micros(AT)
    assert effects(UNKNOWN, MEET) == [
        Task("links", peer.LinksTask(peer="lab")),
        Task("digest", peer.DigestTask(peer="lab")),
    ]


def test_a_node_is_no_peer_of_itself() -> None:
    with pytest.raises(Rejected, match="itself"):
        ACTOR.decide(UNKNOWN, MEET, replace(turn(), me=Address("peer", "centre")))


def test_what_is_said_is_numbered_and_carries_the_acknowledgement() -> None:
    state = do(PARTNER, heard(1), SEND)

    (say,) = effects(state, SEND)

    assert isinstance(say, Say)
    message = say.body
    assert isinstance(message, FederatedMessage)
    assert (say.peer, say.incarnation, say.sequence) == ("lab", micros(AT), 2)
    assert (message.sequence, message.ack, message.ack_incarnation) == (2, 1, LIFE)
    assert (message.to, message.verb, message.id, message.cause) == (SEND.to, "hold", "m-1", "x")


def test_a_full_queue_takes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "QUEUE_LIMIT", 2)

    assert code(do(PARTNER, SEND, SEND), SEND) == "queue_full"


def test_what_the_peer_would_refuse_for_its_size_is_not_said() -> None:
    body = msgspec.Raw(b'"' + b"x" * peer.MESSAGE_BYTES + b'"')

    assert code(PARTNER, replace(SEND, body=body)) == "too_large"


def test_an_id_that_no_header_can_hold_is_replaced() -> None:
    (event,) = ACTOR.decide(PARTNER, replace(SEND, correlation="a\r\nb", cause="c" * 600), turn())

    assert isinstance(event, peer_events.Sent)
    assert event.message.correlation == derive("a\r\nb", "word")
    assert peer.arrived(encode(event.message), KEY).fault == ""


def test_what_is_received_is_passed_on_in_the_name_of_the_peer() -> None:
    done = effects(PARTNER, heard(1, correlation="c-9", expect=3))

    assert done == [
        Relay(
            to=Address("booking", "hpc"),
            verb="hold",
            body=msgspec.Raw(b'{"units":1}'),
            id=derive("lab/m-1", 0),
            sender="peer/lab",
            correlation="c-9",
            cause="m-1",
            expect=3,
        )
    ]


FORGED = {
    "bad_signature": [heard(1, key=""), heard(1, key="UOTHER"), peer.arrived(b"{", "UOTHER")],
    "misaddressed": [heard(1, audience="observatory")],
    "wrong_sender": [heard(1, sender="observatory")],
    "invalid_message": [
        peer.arrived(b"{", KEY),
        peer.arrived(b"\xff", KEY),
        peer.arrived(b"[" * 10_000, KEY),
    ],
}


@pytest.mark.parametrize(("why", "command"), [(why, one) for why, all in FORGED.items() for one in all])
def test_what_cannot_be_trusted_is_kept_as_evidence_and_moves_nothing(why: str, command: Receive) -> None:
    event = refused(PARTNER, command)
    after = evolve(PARTNER, event)

    assert (event.code, event.digest, event.is_next) == (why, command.digest, False)
    assert (after.theirs, after.refused) == (PARTNER.theirs, {why: 1})
    assert ACTOR.react(after, event, turn()) == []


OVERREACHING = {
    "not_granted": [
        heard(1, to=To(kind="workflow", id="forecast"), verb="save"),
        heard(1, to=To(kind="resource", id="hpc"), verb="delete"),
        heard(1, to=To(kind="peer", id="lab"), verb="block"),
        heard(1, to=To(kind="peer", id="observatory"), verb="want"),
        heard(1, to=To(kind="nothing", id="x"), verb="save"),
    ],
    "invalid_message": [
        heard(1, to=None),
        heard(1, id=""),
        heard(1, to=To(kind="booking", id="hpc\n")),
        heard(1, to=To(kind="peer", id="lab"), verb="want", body=msgspec.Raw(b'{"entries":7}')),
        peer.arrived(encode(said(1)).replace(b'"verb"', b'"verbs"'), KEY),
        peer.arrived(encode(said(1, correlation="a\nb")), KEY),
        peer.arrived(encode(said(1, body=msgspec.Raw(b'"%s"' % (b"x" * peer.MESSAGE_BYTES)))), KEY),
    ],
}


@pytest.mark.parametrize(("why", "command"), [(why, one) for why, all in OVERREACHING.items() for one in all])
def test_what_is_not_allowed_is_refused_and_does_not_hold_up_the_next(why: str, command: Receive) -> None:
    event = refused(PARTNER, command)
    after = evolve(PARTNER, event)

    assert (event.code, ACTOR.react(after, event, turn())) == (why, [])
    assert [type(one) for one in effects(after, heard(2))] == [Relay]
    assert ACTOR.decide(after, command, turn()) == []


def test_what_a_blocked_peer_says_is_refused() -> None:
    event = refused(BLOCKED, heard(1))

    assert (event.code, event.detail, event.is_next) == ("peer_blocked", "rude", True)


def test_the_past_cannot_be_said_again_after_the_peer_began_anew() -> None:
    state = do(PARTNER, heard(1), heard(1, incarnation=LIFE + 1))

    assert refused(state, heard(2)).code == "stale_incarnation"
    assert state.theirs.received == 1


def test_the_past_cannot_be_said_again_after_another_meeting() -> None:
    again = do(PARTNER, heard(1), heard(2), peer.Remove(), MEET)

    assert ACTOR.decide(again, heard(2), turn()) == []
    assert again.ours.incarnation > PARTNER.ours.incarnation
    assert do(again, heard(3)).theirs.received == 3


def test_a_peer_with_another_key_after_removal_begins_from_nothing() -> None:
    again = do(PARTNER, heard(1), peer.Remove(), peer.Meet(url="", public_key="UNEW"))

    assert again.theirs == channel.Theirs()


def test_the_evidence_is_bounded_and_the_count_is_not() -> None:
    state = do(PARTNER, *[heard(1, key="")] * (channel.EVIDENCE + 5))

    assert len(state.evidence) == channel.EVIDENCE
    assert state.refused == {"bad_signature": channel.EVIDENCE + 5}


def test_a_gap_is_asked_for_once_and_then_by_alarm_a_bounded_number_of_times() -> None:
    state = do(PARTNER, heard(1))
    (ask,) = words(effects(state, heard(3)))
    state = do(state, heard(3))

    assert (ask.sequence, ask.replay_from, ask.ack_incarnation) == (0, 2, LIFE)
    assert ACTOR.decide(state, heard(4), turn()) == []
    for count in range(1, channel.ASKS):
        due = ACTOR.alarms(state)["gap"]
        assert due == AT + channel.ASK_EVERY * count
        state = do(state, Alarm(name="gap", due=due), seconds=(due - AT).total_seconds())
    assert "gap" not in ACTOR.alarms(state)
    assert words(effects(state, heard(4), seconds=600))[0].replay_from == 2


def test_a_replay_is_said_from_where_it_was_asked_for_and_not_twice_at_once() -> None:
    state = do(PARTNER, SEND, SEND, SEND)
    ask = word(replay_from=2, ack_incarnation=state.ours.incarnation)

    assert effects(state, ask) == [Repeat("lab", 2)]
    assert effects(do(state, ask), ask, seconds=1) == []
    assert effects(do(state, ask), ask, seconds=9) == [Repeat("lab", 2)]


def test_a_replay_of_another_life_is_not_said() -> None:
    assert effects(do(PARTNER, SEND), word(replay_from=1, ack_incarnation=3)) == []


def test_a_peer_that_lost_what_it_had_acknowledged_is_told_where_to_go_on() -> None:
    state = do(PARTNER, SEND, SEND, SEND)
    state = do(state, word(ack=2, ack_incarnation=state.ours.incarnation))

    say, repeat = effects(state, word(replay_from=1))

    assert (words([say])[0].floor, repeat) == (3, Repeat("lab", 3))


def test_what_the_peer_cannot_say_any_more_is_skipped() -> None:
    state = do(PARTNER, heard(58), word(floor=58))

    assert state.theirs.received == 57
    assert do(state, heard(58)).theirs.received == 58
    assert do(state, word(floor=12)) == state


def test_an_acknowledgement_forgets_what_was_said() -> None:
    state = do(PARTNER, SEND, SEND)
    ack = word(ack=2, ack_incarnation=state.ours.incarnation)

    assert effects(state, ack) == [Acknowledged("lab", 2)]
    assert do(state, ack).unacknowledged == 0
    assert effects(do(state, ack), ack) == []


@pytest.mark.parametrize("changes", [{"ack": 3}, {"ack": 1, "ack_incarnation": 3}])
def test_an_acknowledgement_of_what_was_never_said_counts_for_nothing(changes: dict[str, int]) -> None:
    state = do(PARTNER, SEND)

    assert effects(state, word(**{"ack_incarnation": state.ours.incarnation} | changes)) == []


def test_an_acknowledgement_is_said_after_many_messages_or_after_a_while() -> None:
    state = do(PARTNER, *[heard(n) for n in range(1, channel.ACK_EVERY)])
    due = ACTOR.alarms(state)["ack"]

    (by_alarm,) = words(effects(state, Alarm(name="ack", due=due)))
    (by_count,) = words(effects(state, heard(channel.ACK_EVERY)))

    assert due == AT + channel.ACK_AFTER
    assert (by_alarm.ack, by_count.ack) == (channel.ACK_EVERY - 1, channel.ACK_EVERY)
    assert "ack" not in ACTOR.alarms(do(state, heard(channel.ACK_EVERY)))


def test_an_acknowledgement_is_not_acknowledged() -> None:
    state = do(PARTNER, SEND)
    state = do(state, word(ack=1, ack_incarnation=state.ours.incarnation))

    assert "ack" not in ACTOR.alarms(state)


def test_two_words_without_a_number_are_told_apart_in_our_stream() -> None:
    state = do(PARTNER, heard(1))
    first = effects(state, Alarm(name="ack", due=AT))
    state = do(state, Alarm(name="ack", due=AT), heard(2))
    second = effects(state, Alarm(name="ack", due=AT))

    assert [say.sequence for say in (*first, *second) if isinstance(say, Say)] == [-1, -2]


def test_after_a_pause_what_was_turned_away_is_asked_for() -> None:
    done = effects(do(PARTNER, heard(1), peer.Pause()), peer.Resume())

    assert words(done)[0].replay_from == 2
    assert Task("digest", peer.DigestTask(peer="lab")) in done


def test_a_removed_peer_loses_what_waited_for_it() -> None:
    done = effects(do(PARTNER, SEND, SEND), peer.Remove())

    assert done == [Acknowledged("lab", 2), Task("links", peer.LinksTask(peer="lab"))]
    assert ACTOR.summary(REMOVED) is None
    assert ACTOR.view(REMOVED) is None


def test_digests_are_due_every_quarter_of_an_hour_and_when_the_link_is_back() -> None:
    digest = [Task("digest", peer.DigestTask(peer="lab"))]
    due = ACTOR.alarms(PARTNER)["digest"]

    assert due == AT + channel.DIGEST_EVERY
    assert effects(PARTNER, Alarm(name="digest", due=due), seconds=900) == digest
    assert effects(PARTNER, peer.Connected(), seconds=90) == digest
    assert "digest" not in ACTOR.alarms(PAUSED)


def gateway(verb: str, body: peer.Digest | peer.Want | peer.Ask | peer.Answer) -> Receive:
    return heard(1, to=To(kind="peer", id="lab"), verb=verb, body=msgspec.Raw(encode(body)))


def test_a_digest_is_compared_by_a_worker() -> None:
    digest = peer.Digest(entries=[peer.Entry(kind="resource", id="grib", generation=2, version=0)])

    assert effects(PARTNER, gateway("digest", digest)) == [
        Task("compare", peer.CompareTask(peer="lab", digest=digest))
    ]


def test_what_a_peer_wants_is_announced_if_copies_are_made_of_it() -> None:
    want = peer.Want(entries=[To(kind="workflow", id="w"), To(kind="peer", id="p")])

    (relay,) = effects(PARTNER, gateway("want", want))

    assert isinstance(relay, Relay)
    assert (relay.to, relay.verb, relay.sender) == (Address("workflow", "w"), "announce", "actor")
    assert bytes(relay.body) == b'{"peer":"lab"}'


def test_a_question_goes_to_a_worker_at_the_peer_and_its_answer_comes_back() -> None:
    (say,) = effects(PARTNER, ASK)
    assert isinstance(say, Say)
    assert isinstance(say.body, FederatedMessage)
    assert (say.body.to, say.body.verb) == (To(kind="peer", id="centre"), "ask")
    assert effects(PARTNER, gateway("ask", ASK)) == [Task("answer", peer.AnswerTask(peer="lab", ask=ASK))]

    answer = gateway("answer", ANSWER)
    asked = do(PARTNER, ASK)

    told = peer_events.Answered(question="q-1", reply=msgspec.Raw(b"[1]"))
    assert told in ACTOR.decide(asked, answer, turn())


def test_what_answers_nothing_that_was_asked_is_evidence_and_not_kept() -> None:
    first, second = (
        heard(number, to=To(kind="peer", id="lab"), verb="answer", body=msgspec.Raw(encode(ANSWER)))
        for number in (1, 2)
    )
    asked = do(PARTNER, ASK, first)

    unasked, twice = refused(PARTNER, first), refused(asked, second)

    assert (unasked.code, unasked.is_next) == ("not_asked", True)
    assert (twice.code, twice.is_next) == ("not_asked", True)
    assert do(PARTNER, first).theirs.received == 1


def test_of_the_questions_that_are_open_the_last_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "ASKED_MAX", 2)

    state = do(PARTNER, *(replace(ASK, question=f"q-{number}") for number in range(5)))

    assert state.asked == ("q-3", "q-4")


def test_the_backlog_says_since_when_the_oldest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "MARK_EVERY", 4)
    state = PARTNER
    for second in range(1, 11):
        state = do(state, SEND, seconds=second)
    backlog = ACTOR.questions["backlog"]
    state = do(state, word(ack=5, ack_incarnation=state.ours.incarnation))

    answer = backlog.answer(state, backlog.query(), turn())

    assert (answer["unacknowledged"], answer["last_said"]) == (5, 10)
    assert answer["oldest_at"] == AT + timedelta(seconds=4)
    assert [mark.sequence for mark in state.ours.marks] == [4, 8]


def test_the_state_survives_a_snapshot() -> None:
    state = do(PARTNER, SEND, heard(1), heard(4), heard(2, key=""))

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=State) == state


@pytest.mark.parametrize(
    "command", [SEND, ASK, heard(1), heard(3), heard(1, key=""), peer.arrived(b"{", KEY)]
)
def test_commands_and_events_survive_the_journal(command: Command) -> None:
    for message in (command, *ACTOR.decide(PARTNER, command, turn())):
        assert msgspec.json.decode(encode(message), type=type(message)) == message


def test_the_gateway_lets_through_what_each_kind_takes_of_peers_and_nothing_else() -> None:
    taken = {actor.kind: actor.peers_may for actor in ACTORS if actor.peers_may}

    # what is for the gateway itself it passes to nobody
    assert taken | {"peer": {"digest", "want", "ask", "answer"}} == PEERS_MAY


def test_nothing_that_a_person_decides_is_open_to_peers() -> None:
    said_by_people = {
        "save",
        "delete",
        "start",
        "cancel",
        "open",
        "close",
        "block",
        "meet",
        "announce",
        "join",
    }

    assert not said_by_people & {verb for verbs in PEERS_MAY.values() for verb in verbs}


COUNT = 12


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, COUNT), max_size=40))
def test_however_a_stream_arrives_each_message_is_delivered_once_in_order(arrivals: list[int]) -> None:
    state, delivered, queue, clock = PARTNER, [], [*arrivals, COUNT], 0.0
    while queue:
        command = heard(queue.pop(0))
        done = effects(state, command, clock)
        state = do(state, command, seconds=clock)
        delivered += [effect.cause for effect in done if isinstance(effect, Relay)]
        asked = [one.replay_from for one in words(done) if one.replay_from]
        queue += range(asked[0], COUNT + 1) if asked and asked[0] else []
        clock += 1

    assert delivered == [f"m-{n}" for n in range(1, COUNT + 1)]
    assert state.theirs.asks == 0
