-- Those that refer to the registry first.

DROP TABLE extension_audit_log;
DROP TABLE extension_metrics;
DROP TABLE extension_config;
DROP TABLE extension_permissions;
DROP TABLE extension_registry;
