-- Vectors that only the rows hold, and what was not delivered yet, are lost.

DROP TABLE memory_dead_letters;
DROP TABLE memory_outbox;
ALTER TABLE memory
    DROP COLUMN version,
    DROP COLUMN embedding;
DROP INDEX extension_audit_log_tenant_id_id_idx;
DROP INDEX extension_metrics_tenant_id_id_idx;
ALTER TABLE extension_audit_log DROP COLUMN tenant_id;
ALTER TABLE extension_metrics DROP COLUMN tenant_id;
ALTER TABLE extension_permissions DROP COLUMN tenant_id;
DROP INDEX audit_log_tenant_id_id_idx;
DROP INDEX profiles_tenant_id_user_id_idx;
ALTER TABLE profiles DROP COLUMN tenant_id;
