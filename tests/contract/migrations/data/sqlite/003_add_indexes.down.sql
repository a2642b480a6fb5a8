DROP INDEX readers_name_idx;
DROP INDEX books_title_idx;
