"""Write the accounts of a NATS that the node does not run itself, as the node's data directory has them.

The keys are made the first time and stay in that directory; only public keys are written:
``python compose/accounts.py NODE DATA FILE``. Run it again after an invitation and after a meeting, and
reload the server.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec.structs import replace

from bus.config import Accounts, render_accounts, write_private
from node.contacts import Contacts
from node.home import open_home
from node.node import clock
from node.run import node_accounts


def accounts(node: str, data: Path) -> Accounts:
    """Return who may do what: the node, its operator, and each peer that was invited or met."""
    home = open_home(data, node)
    return replace(node_accounts(home), peers=Contacts(home.path / "peers").described(clock()))


def main() -> None:
    """Write the file that the server's configuration includes."""
    node, data, target = sys.argv[1:]
    write_private(Path(target), render_accounts(accounts(node, Path(data))))
    print(f"the accounts of {node} are in {target}")


if __name__ == "__main__":
    main()
