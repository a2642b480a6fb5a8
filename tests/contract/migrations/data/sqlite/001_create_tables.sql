CREATE TABLE readers (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE books (
    id    INTEGER,
    title TEXT CHECK (title <> '')
);
INSERT INTO books VALUES (1, 'It''s 100 % true; -- is it?');
