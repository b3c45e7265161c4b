"""The tables of jobs in PostgreSQL."""

from classifier.jobs.postgres_connections import Connection

# Locks of the whole database. Other programs are unlikely to use the same numbers.
SCHEMA_LOCK, ROOM_LOCK, EXPIRY_LOCK = range(7_260_131_001, 7_260_131_004)
CHANNEL = "classifier_jobs"
# The names stay as they are, so that jobs survive an upgrade.
SCHEMA = """
CREATE TABLE IF NOT EXISTS classifier_jobs (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    question TEXT NOT NULL,
    model TEXT NOT NULL,
    image TEXT NOT NULL,
    uploaded BIGINT NOT NULL,
    status TEXT NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0,
    created DOUBLE PRECISION NOT NULL,
    finished DOUBLE PRECISION,
    answer TEXT,
    error TEXT,
    owner TEXT
);
CREATE INDEX IF NOT EXISTS classifier_jobs_ended ON classifier_jobs (finished)
    WHERE finished IS NOT NULL;
CREATE INDEX IF NOT EXISTS classifier_jobs_waiting ON classifier_jobs (number)
    WHERE finished IS NULL;
CREATE INDEX IF NOT EXISTS classifier_jobs_with_pictures ON classifier_jobs (uploaded)
    WHERE finished IS NULL AND uploaded > 0;
CREATE TABLE IF NOT EXISTS classifier_pictures (id TEXT PRIMARY KEY, content BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS classifier_servers (
    id TEXT PRIMARY KEY,
    seen TIMESTAMPTZ NOT NULL
);
"""


def create(connection: Connection) -> None:
    """Creates the tables that are missing, and forgets servers of long ago."""
    with connection.transaction():
        # Two servers that start together would collide in spite of IF NOT EXISTS.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
        connection.execute(SCHEMA)
        connection.execute("DELETE FROM classifier_servers WHERE seen < now() - interval '1 day'")
