-- The extension system: what is installed, what it may do, how it is set up, what it measured, what happened to it.

CREATE TABLE extension_registry (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name         VARCHAR(100) NOT NULL UNIQUE CHECK (name <> ''),
    version      VARCHAR(50)  NOT NULL,
    description  TEXT,
    author       VARCHAR(255),
    manifest     JSONB        NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(manifest) = 'object'),
    status       VARCHAR(20)  NOT NULL DEFAULT 'installed'
        CHECK (status IN ('installed', 'enabled', 'disabled', 'failed', 'uninstalled')),
    installed_at TIMESTAMPTZ  NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now()
);

-- '*' as user_id is everybody: a NULL would not take part in the primary key.
CREATE TABLE extension_permissions (
    extension_id UUID         NOT NULL REFERENCES extension_registry ON DELETE CASCADE,
    user_id      VARCHAR(64)  NOT NULL DEFAULT '*',
    permission   VARCHAR(100) NOT NULL CHECK (permission <> ''),
    is_granted   BOOLEAN      NOT NULL DEFAULT true,
    granted_by   VARCHAR(64),
    granted_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    PRIMARY KEY (extension_id, user_id, permission)
);

CREATE TABLE extension_config (
    extension_id UUID         NOT NULL REFERENCES extension_registry ON DELETE CASCADE,
    tenant_id    VARCHAR(64)  NOT NULL DEFAULT '*',
    config_key   VARCHAR(255) NOT NULL CHECK (config_key <> ''),
    config_value JSONB        NOT NULL,
    updated_at   TIMESTAMPTZ  NOT NULL DEFAULT now(),
    PRIMARY KEY (extension_id, tenant_id, config_key)
);

CREATE TABLE extension_metrics (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    extension_id UUID             NOT NULL REFERENCES extension_registry ON DELETE CASCADE,
    metric_name  VARCHAR(100)     NOT NULL CHECK (metric_name <> ''),
    metric_value DOUBLE PRECISION NOT NULL,
    labels       JSONB            NOT NULL DEFAULT '{}',
    recorded_at  TIMESTAMPTZ      NOT NULL DEFAULT now()
);

-- Keeps the extension's name beside its key: the record outlives the extension.
CREATE TABLE extension_audit_log (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at    TIMESTAMPTZ  NOT NULL DEFAULT now(),
    extension_id   UUID         REFERENCES extension_registry ON DELETE SET NULL,
    extension_name VARCHAR(100) NOT NULL,
    user_id        VARCHAR(64),
    action         VARCHAR(100) NOT NULL,
    details        JSONB        NOT NULL DEFAULT '{}'
);
