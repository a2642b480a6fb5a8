DROP VIEW rooms;
DROP TABLE shelves;
