DROP TABLE books;
DROP TABLE readers;
DROP SEQUENCE readers_id_seq;
