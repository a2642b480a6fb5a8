-- What happened to a user's profile, and what is remembered about the user.
-- No foreign keys: writers record history before the profile exists, and DuckDB rewrites a referenced row on update,
-- which its foreign keys refuse.

CREATE SEQUENCE profile_history_id_seq;

CREATE TABLE profile_history (
    id        BIGINT DEFAULT nextval('profile_history_id_seq') PRIMARY KEY,
    user_id   VARCHAR,
    timestamp DOUBLE,
    field     VARCHAR,
    old       VARCHAR,
    new       VARCHAR
);
COMMENT ON TABLE profile_history IS 'One row per changed field; inserted without an id';
COMMENT ON COLUMN profile_history.timestamp IS 'Unix time in seconds';
COMMENT ON COLUMN profile_history.old IS 'JSON before the change';
COMMENT ON COLUMN profile_history.new IS 'JSON after the change';

CREATE TABLE long_term_memory (
    user_id     VARCHAR,
    memory_json VARCHAR
);
COMMENT ON TABLE long_term_memory IS 'JSON documents that are remembered about a user';
