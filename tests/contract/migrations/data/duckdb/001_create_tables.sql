CREATE SEQUENCE readers_id_seq;
CREATE TABLE readers (
    id   BIGINT DEFAULT nextval('readers_id_seq') PRIMARY KEY,
    name VARCHAR NOT NULL
);
CREATE TABLE books (
    id    BIGINT,
    title VARCHAR CHECK (title <> '')
);
COMMENT ON TABLE books IS 'All there are';
INSERT INTO books VALUES (1, 'It''s 100 % true; -- is it?');
