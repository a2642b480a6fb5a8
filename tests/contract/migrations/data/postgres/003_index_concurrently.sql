-- transactional: false
CREATE INDEX CONCURRENTLY books_title_idx ON books (title);
CREATE UNIQUE INDEX CONCURRENTLY readers_name_idx ON readers (name);
COMMENT ON INDEX books_title_idx IS 'A statement that could be in a transaction';
