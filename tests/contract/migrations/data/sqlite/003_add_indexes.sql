CREATE INDEX books_title_idx ON books (title);
CREATE UNIQUE INDEX readers_name_idx ON readers (name);
