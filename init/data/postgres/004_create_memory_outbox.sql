-- What the client library needs: a tenant for profiles and for what extensions leave, a memory's vector and version, and the
-- outbox from which Elasticsearch and Milvus get what was written. Existing applications go on as before: every new column has
-- a default.

ALTER TABLE profiles ADD COLUMN tenant_id VARCHAR(64) NOT NULL DEFAULT 'default' CHECK (tenant_id <> '');
COMMENT ON COLUMN profiles.tenant_id IS 'Applications that name no tenant write for the tenant ''default''';
CREATE INDEX profiles_tenant_id_user_id_idx ON profiles (tenant_id, user_id);
CREATE INDEX audit_log_tenant_id_id_idx ON audit_log (tenant_id, id);

-- What '*' as user_id may is everybody's, whatever the tenant.
ALTER TABLE extension_permissions ADD COLUMN tenant_id VARCHAR(64) NOT NULL DEFAULT 'default' CHECK (tenant_id <> '');
ALTER TABLE extension_metrics ADD COLUMN tenant_id VARCHAR(64) NOT NULL DEFAULT 'default' CHECK (tenant_id <> '');
ALTER TABLE extension_audit_log ADD COLUMN tenant_id VARCHAR(64) NOT NULL DEFAULT 'default' CHECK (tenant_id <> '');
CREATE INDEX extension_metrics_tenant_id_id_idx ON extension_metrics (tenant_id, extension_id, metric_name, id);
CREATE INDEX extension_audit_log_tenant_id_id_idx ON extension_audit_log (tenant_id, extension_name, id);

ALTER TABLE memory
    ADD COLUMN embedding REAL[],
    ADD COLUMN version   BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN memory.embedding IS 'The normalised vector that Milvus has; NULL where the writer kept none here';
COMMENT ON COLUMN memory.version IS 'Grows with every write of the row, and beyond its deletion: microseconds of Unix time or later';

-- One entry for each engine that is behind; what has to be written is read from the row, and a row that is gone is deleted there.
CREATE TABLE memory_outbox (
    destination  VARCHAR(20) NOT NULL CHECK (destination IN ('elasticsearch', 'milvus')),
    sequence     BIGINT      GENERATED ALWAYS AS IDENTITY,
    vector_id    BIGINT      NOT NULL,
    version      BIGINT      NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    available_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    attempts     INTEGER     NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    last_error   TEXT,
    PRIMARY KEY (destination, sequence)
);
COMMENT ON TABLE memory_outbox IS 'Memories that an engine does not have yet; the relay removes an entry once it has';
-- The oldest entry of a key is the one that may be delivered.
CREATE INDEX memory_outbox_destination_vector_id_idx ON memory_outbox (destination, vector_id, sequence);

CREATE TABLE memory_dead_letters (
    destination VARCHAR(20) NOT NULL CHECK (destination IN ('elasticsearch', 'milvus')),
    vector_id   BIGINT      NOT NULL,
    version     BIGINT      NOT NULL,
    attempts    INTEGER     NOT NULL,
    reason      TEXT        NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    died_at     TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (destination, vector_id)
);
COMMENT ON TABLE memory_dead_letters IS 'Memories that an engine refuses, the latest version of each; a later delivery removes the letter';
