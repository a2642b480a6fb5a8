"""Values of every type, and what else a PostgreSQL server can hold."""

VALUES = """
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('calm', 'ärgerlich');
CREATE TABLE numbers (id int GENERATED ALWAYS AS IDENTITY, f8 float8, f4 float4, n numeric, doubled numeric GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO numbers (f8, f4, n) VALUES ('NaN', '-Infinity', 'NaN'), ('Infinity', '1e-45', 'Infinity'),
    (0.1, 3.4e38, 12345678901234567890.123456789), (-0.0, NULL, '-Infinity'), (NULL, NULL, NULL);
CREATE TABLE texts ("ai karen row" text, "Ünïcode" text DEFAULT '𝄞😀', raw bytea, mood mood);
INSERT INTO texts VALUES ('', 'é', '\\x00ff', 'calm'), (E'\\n\\t\\\\', '👩‍👩‍👧‍👦', '', 'ärgerlich'), (NULL, NULL, NULL, NULL);
CREATE TABLE others (a int[], nested text[][], j json, jb jsonb, r int4range, m datemultirange, i interval, t timestamptz, v vector(3), u uuid);
INSERT INTO others VALUES
    ('{}', '{{a,NULL},{"b,",d}}', '{"a": [1, {"b": null}]}', '{"a": {"b": [1, 1.0, "😀"]}}', '[1,)', '{[2020-01-01,2020-02-01)}',
     '1 year -2 days 03:04:05.678', 'infinity', '[1,2.5,-3e-10]', gen_random_uuid()), (NULL, NULL, 'null', 'null', 'empty', '{}', '0', '-infinity', NULL, NULL);
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE parts_new PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT n, date '2025-12-01' + n FROM generate_series(1, 60) AS n;
CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS rows, max(at) FROM parts;
CREATE SEQUENCE counter INCREMENT -5; SELECT nextval('counter');
CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
CREATE UNLOGGED TABLE fleeting AS SELECT 1;
CREATE SCHEMA "Other schema"; CREATE TABLE "Other schema"."A table" AS SELECT 1 AS one;
SELECT lo_from_bytea(4242, decode(repeat('ab', 5000), 'hex')); SELECT lo_create(4243);
CREATE ROLE reader LOGIN PASSWORD 'the source''s'; GRANT SELECT ON numbers TO reader;
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
CREATE USER MAPPING FOR karen SERVER elsewhere OPTIONS ("user" 'me', password 'theirs');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS ("user" 'all', password 'theirs');
CREATE TABLE changing (id int PRIMARY KEY, sum bigint NOT NULL DEFAULT 0);
INSERT INTO changing SELECT generate_series(0, 39);
CREATE TABLE ledger (id bigserial PRIMARY KEY, acknowledged float8);
"""
EVERY = {
    "large objects": 2,
    "nothing": 1,
    "numbers": 5,
    "others": 2,
    "parts": 60,
    "seen": 1,
    "texts": 3,
    "Other schema.A table": 1,
    "side/pairs": 1000,
}
