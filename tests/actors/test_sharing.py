from __future__ import annotations

import pytest

from actors.actor import Rejected
from actors.sharing import sharing
from actors.sharing.sharing import Share
from messages.copies import Drop, ProposeRefused, Put, Right, Rule, copy_id
from messages.envelope import Address
from messages.membership import Joining, Leaving

NODE = "lab"
OWNED = sharing.Owned(Address("workflow", "w"), NODE, "W", 3, 7, {"name": "W"})


def share(*peers: str, **rules: tuple[Right, ...]) -> Share:
    granted = tuple(Rule(peer=peer, can=can) for peer, can in rules.items())
    return Share(generation=1, peers=peers, rules=granted)


def test_a_listed_peer_without_a_rule_may_read() -> None:
    assert sharing.readers({"s": share("centre")}, NODE) == {"centre": ("read",)}


def test_we_are_never_a_peer_of_ourselves() -> None:
    assert sharing.readers({"s": share(NODE, "centre")}, NODE) == {"centre": ("read",)}


def test_a_rule_grants_and_one_that_grants_nothing_excludes() -> None:
    shares = {"s": share("a", "b", a=("write",), b=())}

    assert sharing.readers(shares, NODE) == {"a": ("read", "write")}


def test_a_rule_for_a_peer_that_is_not_listed_grants_nothing() -> None:
    assert sharing.readers({"s": share("a", stranger=("write",))}, NODE) == {"a": ("read",)}


def test_the_rights_of_several_shared_workspaces_add_up() -> None:
    shares = {"s": share("a", a=("read",)), "t": share("a", "b", a=("write",))}

    assert sharing.readers(shares, NODE) == {"a": ("read", "write"), "b": ("read",)}


def test_joining_tells_all_when_rights_change_and_drops_those_who_lose_them() -> None:
    shares = {"s": share("a", "b", "c")}
    command = Joining(
        shared_workspace="s", generation=2, peers=("b", "c"), rules=(Rule(peer="c", can=("write",)),)
    )

    assert sharing.hear(shares, command, NODE) == sharing.Change(told=("b", "c"), dropped=("a",))


def test_leaving_drops_only_who_reads_through_no_other() -> None:
    shares = {"s": share("a", "b"), "t": share("b")}

    change = sharing.hear(shares, Leaving(shared_workspace="s", generation=2), NODE)

    assert change == sharing.Change(told=(), dropped=("a",))


@pytest.mark.parametrize("generation", [0, 1])
def test_what_a_shared_workspace_said_before_is_no_news(generation: int) -> None:
    shares = {"s": share("a")}

    assert sharing.hear(shares, Leaving(shared_workspace="s", generation=generation), NODE) is None
    joining = Joining(shared_workspace="s", generation=generation, peers=())
    assert sharing.hear(shares, joining, NODE) is None


def test_a_put_carries_the_owner_the_generation_and_the_rights() -> None:
    id = copy_id(NODE, "workflow", "w")

    orders = sharing.puts(OWNED, {"a": ("read", "write")}, ["a"])

    assert [order.to for order in orders] == [Address("copy", id, "a")]
    assert orders[0].command == Put(
        owner=NODE,
        kind="workflow",
        id="w",
        name="W",
        generation=3,
        version=7,
        body={"name": "W"},
        can=("read", "write"),
    )


def test_who_reads_no_longer_drops_its_copy() -> None:
    (order,) = sharing.puts(OWNED, {}, ["a"])

    assert order.command == Drop(owner=NODE, kind="workflow", id="w", generation=3, version=7)
    assert order.to.node == "a"


def test_only_who_may_write_may_propose() -> None:
    rights: sharing.Readers = {"a": ("read",), "b": ("read", "write")}

    sharing.check_right(rights, "b")
    for peer in ("a", "stranger", ""):
        with pytest.raises(Rejected, match="not_granted"):
            sharing.check_right(rights, peer)


def test_a_proposal_on_another_generation_is_a_conflict_that_tells_the_stored_one() -> None:
    with pytest.raises(Rejected) as caught:
        sharing.check_generation(2, 3)

    assert (caught.value.code, caught.value.extra["stored"]) == ("version_conflict", 3)


def test_a_refusal_goes_to_the_copy_at_the_peer_that_proposed() -> None:
    no = Rejected("version_conflict", "late", extra={"stored": 3})

    (order,) = sharing.refusal(Address("copy", "c-1", "elsewhere"), 2, no, "a")

    assert order.to == Address("copy", "c-1", "a")
    assert order.command == ProposeRefused(generation=2, code="version_conflict", detail="late", stored=3)


def test_a_refusal_goes_nowhere_else() -> None:
    no = Rejected("not_granted")

    assert sharing.refusal(Address("workflow", "w"), 2, no, "a") == []
    assert sharing.refusal(Address("copy", "c-1"), 2, no, "") == []


def test_the_id_of_a_copy_is_a_token_whatever_is_copied() -> None:
    assert len(copy_id("n" * 64, "shared_workspace", "i" * 64)) <= 64
    assert copy_id("a", "workflow", "b-c") != copy_id("a-b", "workflow", "c")
