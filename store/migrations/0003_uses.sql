-- Which entity cannot be without which.
CREATE TABLE uses (
    used_kind TEXT NOT NULL,
    used_id   TEXT NOT NULL,
    kind      TEXT NOT NULL,        -- of the one that uses it
    id        TEXT NOT NULL,
    PRIMARY KEY (used_kind, used_id, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX uses_by ON uses (kind, id);
