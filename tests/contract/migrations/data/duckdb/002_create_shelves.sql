-- timeout: 30s
CREATE SEQUENCE numbers START 5;
CREATE TABLE shelves (
    number INTEGER CHECK (number > 0),
    floor  INTEGER NOT NULL,
    room   VARCHAR DEFAULT 'hall'
);
CREATE VIEW rooms AS SELECT DISTINCT room FROM shelves;
