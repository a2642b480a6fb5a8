-- timeout: 30s
CREATE TABLE shelves (
    number INTEGER CHECK (number > 0),
    floor  INTEGER NOT NULL,
    room   TEXT DEFAULT 'hall'
);
CREATE VIEW rooms AS SELECT DISTINCT room FROM shelves;
CREATE TRIGGER shelves_floor AFTER INSERT ON shelves WHEN new.floor < 0 BEGIN
    UPDATE shelves SET floor = 0 WHERE number = new.number;
END;
