"""PostgreSQL's schema as names and definitions, read from the catalog in one statement."""

from collections.abc import Sequence

from init.engines.postgres_connection import Connection

_OBJECTS = """
WITH own AS (
    SELECT class.* FROM pg_class AS class
    WHERE class.relnamespace = 'public'::regnamespace AND class.relname <> ALL (%(without)s)
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype = 'e')
), relations AS (SELECT * FROM own WHERE relkind IN ('r', 'p', 'v', 'm', 'f'))
SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END
           || relname,
       CASE WHEN relkind IN ('v', 'm') THEN regexp_replace(pg_get_viewdef(oid), '\\s+', ' ', 'g')
            ELSE relpersistence::text || coalesce(' partition ' || pg_get_expr(relpartbound, oid), '')
                || CASE WHEN relrowsecurity THEN ' row security' ELSE '' END END
FROM relations
UNION ALL
SELECT format('column %%s.%%s', relname, attname),
       format_type(atttypid, atttypmod)
           || CASE WHEN attnotnull THEN ' not null' ELSE '' END
           || CASE attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END
           || coalesce(CASE attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END || pg_get_expr(adbin, adrelid), '')
FROM relations JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT format('constraint %%s.%%s', relname, conname),
       pg_get_constraintdef(constraints.oid) || CASE WHEN convalidated THEN '' ELSE ' not validated' END
FROM relations JOIN pg_constraint AS constraints ON conrelid = relations.oid AND contype <> 'n'
UNION ALL
SELECT format('index %%s.%%s', relations.relname, own.relname),
       pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
FROM relations JOIN pg_index ON indrelid = relations.oid JOIN own ON own.oid = indexrelid
UNION ALL
SELECT format('trigger %%s.%%s', relname, tgname), pg_get_triggerdef(pg_trigger.oid)
FROM relations JOIN pg_trigger ON tgrelid = relations.oid AND NOT tgisinternal
UNION ALL
SELECT 'sequence ' || relname, format_type(seqtypid, NULL) || format(' start %%s increment %%s', seqstart, seqincrement)
FROM own JOIN pg_sequence ON seqrelid = own.oid
WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = own.oid AND deptype = 'i')
UNION ALL
SELECT 'function ' || oid::regprocedure, md5(pg_get_functiondef(oid)) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
UNION ALL
SELECT 'type ' || typname, (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid)
FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
UNION ALL
SELECT 'extension ' || extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'
"""


def objects(connection: Connection, *, without: Sequence[str]) -> dict[str, str]:
    """Return every object of the schema `public`; the tables of `without`, with all that belongs to them, are left out."""
    return dict(connection.execute(_OBJECTS.encode(), {"without": list(without)}).fetchall())
