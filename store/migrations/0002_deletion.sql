-- When the entity was deleted, if it is in that state.
ALTER TABLE snapshot ADD COLUMN deleted_at INTEGER;

-- Where the history of an entity begins that was trimmed: the events up to that version are gone.
CREATE TABLE start (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    state   BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- What was deleted before this step of the schema is purged like all that is deleted after it.
INSERT INTO alarm
    SELECT entity.kind, entity.id, '~purge', journal.at + 15 * 86400000000
    FROM entity JOIN journal ON journal.kind = entity.kind AND journal.id = entity.id
        AND journal.version = entity.version
    WHERE entity.listed = 0;
