CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every event, in the order in which it was decided.
CREATE TABLE journal (
    position    INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    version     INTEGER NOT NULL,   -- 1 for the first event of the entity
    type        TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    message     TEXT    NOT NULL,   -- id of the message that was handled
    cause       TEXT    NOT NULL,
    correlation TEXT    NOT NULL,
    sender      TEXT    NOT NULL,
    at          INTEGER NOT NULL,   -- microseconds since 1970, as everywhere here
    UNIQUE (kind, id, version)
) STRICT;
CREATE INDEX journal_correlation ON journal (correlation) WHERE cause <> '';

CREATE TABLE snapshot (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    state   BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- What listings show and filter on.
CREATE TABLE entity (
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    listed   INTEGER NOT NULL,      -- 0: never written or deleted, so in no listing
    shown_as TEXT    NOT NULL,      -- the kind in whose listings it stands
    shown_id TEXT    NOT NULL,
    status   TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    parent   TEXT    NOT NULL,
    owner    TEXT    NOT NULL,
    at       INTEGER,
    labels   TEXT    NOT NULL,
    fields   TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX entity_shown ON entity (shown_as, shown_id) WHERE listed = 1;
CREATE INDEX entity_parent ON entity (shown_as, parent, at) WHERE listed = 1 AND parent <> '';
CREATE INDEX entity_status ON entity (shown_as, status, at) WHERE listed = 1 AND status <> '';
CREATE INDEX entity_at ON entity (shown_as, at) WHERE listed = 1 AND at IS NOT NULL;
CREATE INDEX entity_name ON entity (shown_as, name) WHERE listed = 1 AND name <> '';

-- What was answered to each handled message; a repeat gets the same.
CREATE TABLE inbox (
    position    INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    digest      BLOB    NOT NULL,   -- of the body: the same id with other bytes is refused
    outcome     BLOB    NOT NULL,
    kind        TEXT    NOT NULL,
    entity      TEXT    NOT NULL,
    verb        TEXT    NOT NULL,
    cause       TEXT    NOT NULL,
    correlation TEXT    NOT NULL,
    sender      TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX inbox_correlation ON inbox (correlation) WHERE cause <> '';

-- What is to be published; rows stay for the stream's retention, so that an emptied broker can be filled again.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY,
    lane     TEXT    NOT NULL,      -- the stream: CMD, EVT, TASK, or out/<peer>
    subject  TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    headers  BLOB    NOT NULL,
    body     BLOB    NOT NULL,
    number   INTEGER,               -- the sequence towards a peer
    sent     INTEGER,               -- its sequence in the broker's stream; NULL: not known to be there
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_unsent ON outbox (lane, position) WHERE sent IS NULL;
CREATE INDEX outbox_number ON outbox (lane, number) WHERE number IS NOT NULL;

CREATE TABLE alarm (
    kind TEXT    NOT NULL,
    id   TEXT    NOT NULL,
    name TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (kind, id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX alarm_at ON alarm (at);

-- What could not be handled, until a person decides.
CREATE TABLE deadletter (
    position  INTEGER PRIMARY KEY,
    message   TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    headers   BLOB    NOT NULL,
    body      BLOB    NOT NULL,
    code      TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    traceback TEXT    NOT NULL,
    attempts  INTEGER NOT NULL,
    state     TEXT    NOT NULL,     -- dead, retried, discarded
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX deadletter_state ON deadletter (state, position);
