"""The stack: the only place that knows who depends on whom."""

from dataclasses import replace
from typing import Any

import pulumi

from components.backups import Backups
from components.certificates import CertificateAuthority
from components.context import Context, Coordination
from components.duckdb import DuckDB
from components.elasticsearch import Elasticsearch
from components.engine import Engine
from components.etcd import Etcd
from components.milvus import Milvus
from components.minio import Minio
from components.monitor import Monitor
from components.naming import Naming
from components.network import DatabaseNetwork
from components.outputs import endpoints, environment
from components.postgres import Postgres
from components.redis import Redis
from components.relay import FOLLOWERS, Relay
from components.secrets import public_of, seed
from components.settings import Settings
from init.resources.initialization import Initialization
from init.resources.verification import Verification


class DatabaseStack(pulumi.ComponentResource):
    """Every engine of one stack, initialized, and the verification of all of them."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is the Pulumi stack's name, which every resource on the engine carries."""
        super().__init__("karen:stack:DatabaseStack", "stack", None, opts)
        naming = Naming(stack=name)
        child = pulumi.ResourceOptions(parent=self)
        self._context = _context(settings, naming, child)
        certificates = CertificateAuthority(context=self._context, opts=child)
        self._context = replace(self._context, authority=certificates.authority)

        postgres = Postgres(context=self._context, opts=child)
        assert postgres.initialization is not None
        coordination = Coordination(connection=postgres.connection, initialization=postgres.initialization)
        self._context = replace(self._context, coordination=coordination)
        redis = Redis(context=self._context, opts=child)
        elasticsearch = Elasticsearch(context=self._context, opts=child)
        etcd = Etcd(context=self._context, opts=child)
        minio = Minio(context=self._context, opts=child)
        milvus = Milvus(
            context=self._context,
            storage=minio.storage,
            metadata=etcd.gate,
            buckets=minio.access,
            opts=child,
        )
        self._duckdb = DuckDB(context=self._context, opts=child)
        declared: dict[str, Engine] = {
            "postgres": postgres,
            "redis": redis,
            "elasticsearch": elasticsearch,
            "etcd": etcd,
            "minio": minio,
            "milvus": milvus,
            "duckdb": self._duckdb,
        }
        self._engines = {service: engine for service, engine in declared.items() if engine.enabled}
        self._job = self._verification_job()
        # PostgreSQL holds the shared ledger, which the verification completes: it comes after every initialization.
        self.verification = Verification(
            "verification",
            job=self._job,
            runs={
                **{service: initialization.run for service, initialization in self._initializations().items()},
                **({"etcd": etcd.gate.container} if etcd.gate else {}),
            },
            opts=child,
        )
        self._relay(certificates, child)
        monitor = Monitor(
            context=self._context,
            engines=self._engines,
            waits={"milvus": ["etcd", "minio"]},
            after=self.verification,
            opts=child,
        )
        self._backups = self._with_backups(elasticsearch.staging, monitor.volume, child)
        self._audit = seed(self._context, "audit", parent=self)
        self.register_outputs({})

    def _with_backups(
        self, staging: pulumi.Output[str], operations: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> Backups:
        return Backups(
            context=self._context,
            engines=self._engines,
            duckdb=self._duckdb.volumes,
            staging=staging,
            operations=operations,
            after=self.verification,
            opts=opts,
        )

    def _initializations(self) -> dict[str, Initialization]:
        return {service: engine.initialization for service, engine in self._engines.items() if engine.initialization}

    def _relay(self, certificates: CertificateAuthority, opts: pulumi.ResourceOptions) -> Relay:
        """Declare the relay, beside the verification: what it reads and writes is initialized, and no other engine its concern."""
        needed = ("postgres", *FOLLOWERS)
        initialized = [one for service, one in self._initializations().items() if service in needed]
        return Relay(
            context=self._context, engines=self._engines, after=[*certificates.shared, *initialized], opts=opts
        )

    def _verification_job(self) -> dict[str, Any]:
        """Describe the job that asks every engine; the operations outside the graph use the same."""
        return {
            "stack": self._context.naming.stack,
            "image": self._context.image("toolbox"),
            "network": self._context.network,
            "backend": self._context.backend,
            "user": self._duckdb.user,
            "volumes": self._duckdb.volumes,
            "engines": {service: engine.connection for service, engine in self._engines.items()},
            "expected": {service: one.schema_version for service, one in self._initializations().items()},
        }

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs."""
        versions = {service: one.schema_version for service, one in self._initializations().items()}
        return {
            "endpoints": endpoints(self._engines, self._context.settings),
            "schema_versions": versions,
            "verification": self.verification.report,
            "env": pulumi.Output.secret(
                {form: environment(self._engines, form, self._context.settings) for form in ("host", "network")}
            ),
            "audit": {"public": pulumi.Output.unsecret(self._audit.apply(public_of))},
            "operations": pulumi.Output.secret(
                {
                    "verification": self._job,
                    "backups": self._backups.job,
                    "audit": {"seed": self._audit},
                    "credentials": self._credentials(),
                }
            ),
        }

    def _credentials(self) -> dict[str, list[dict[str, Any]]]:
        return {
            service: [one.described() for one in engine.credentials]
            for service, engine in self._engines.items()
            if engine.credentials
        }


def _context(settings: Settings, naming: Naming, opts: pulumi.ResourceOptions) -> Context:
    """Declare the networks. In development the one for data leads outside as well, for nothing can be published otherwise."""

    def network(name: str, called: str, *, internal: bool) -> pulumi.Output[str]:
        return DatabaseNetwork(name, called=called, naming=naming, internal=internal, opts=opts).network

    return Context(
        settings=settings,
        naming=naming,
        network=network("network", naming.network, internal=settings.production),
        backend=network("backend", naming.backend, internal=True),
        operations=network("operations", naming.operations, internal=False) if settings.production else None,
        vectors=network("vectors", naming.vectors, internal=True)
        if settings.production and settings.enable_milvus
        else None,
    )
