DROP VIEW rooms;
DROP TABLE shelves;
DROP SEQUENCE numbers;
