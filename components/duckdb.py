"""DuckDB: profiles and long-term memory in one file; in development in a directory that this host can open."""

from pathlib import Path

import pulumi

from components.context import Context
from components.engine import Engine
from components.initialize import data_user, initialize
from components.machine import data_directory
from components.volume import data_volume
from init.resources.host_directory import HostDirectory

# Where jobs mount the volume; the toolbox image has this directory, owned by its user.
MOUNT = "/data/duckdb"


class DuckDB(Engine):
    """A database file on its own volume: there is no server, so nothing to wait for."""

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:database:DuckDB", "duckdb", None, opts)
        settings = context.settings
        self._settings = settings
        self.endpoint = None
        self.host_directory: str | None = None
        directory, identity, mount = None, pulumi.Output.from_input(""), MOUNT
        self.user = data_user(settings)
        if not settings.production:
            self.host_directory = settings.duckdb_host_directory or str(data_directory(context.naming.stack) / "duckdb")
            directory = HostDirectory(
                "duckdb-directory",
                stack=context.naming.stack,
                service="duckdb",
                path=self.host_directory,
                opts=pulumi.ResourceOptions(parent=self),
            )
            # The directory belongs to who runs Pulumi, and so must the file; nocopy keeps the engine from changing that.
            identity, mount = directory.marker, f"{MOUNT}:nocopy"
        volume = data_volume(
            context,
            "duckdb",
            parent=self,
            host_directory=directory.path if directory else None,
            depends_on=[directory] if directory else None,
        )
        self.volumes = {mount: volume.name}
        self.connection = {"path": f"{MOUNT}/{Path(settings.duckdb_path).name}"}
        self.initialization = initialize(
            "duckdb",
            context=context,
            engine=self,
            container="",
            user=self.user,
            volumes=self.volumes,
            identity=identity,
            host_file=str(Path(self.host_directory) / Path(settings.duckdb_path).name) if self.host_directory else "",
        )
        self.register_outputs({"schemaVersion": self.initialization.schema_version})

    def environment(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return DUCKDB_*: paths on this host or, for a container, under the volume's mount point."""
        database, backups = Path(self._settings.duckdb_path), Path(self._settings.duckdb_backup_path)
        if form == "host" and self.host_directory is not None:
            home = Path(self.host_directory)
            backups = home / backups.relative_to(database.parent)
            database = home / database.name
        return {"DUCKDB_PATH": str(database), "DUCKDB_BACKUP_PATH": str(backups)}
