-- timeout: 30s
ALTER TABLE books ADD COLUMN year INTEGER DEFAULT 2000 CHECK (year > 0);
CREATE VIEW recent AS SELECT title FROM books WHERE year >= 2020;
CREATE TABLE shelves (
    number INTEGER NOT NULL,
    room   VARCHAR(20) DEFAULT 'hall'
);
