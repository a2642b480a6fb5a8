DROP TABLE shelves;
DROP VIEW recent;
ALTER TABLE books DROP COLUMN year;
