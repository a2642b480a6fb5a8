-- transactional: false
DROP INDEX CONCURRENTLY readers_name_idx;
DROP INDEX CONCURRENTLY books_title_idx;
