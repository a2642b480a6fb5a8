"""Unpack the Milvus server from its wheel: `python3 unpack.py milvus-2.3.5-….whl /milvus`.

The wheel holds the server and its libraries LZMA-compressed, and a configuration template written for an embedded
etcd and local storage. Written here: lib/ (server and libraries), configs/milvus.yaml for external stores, LICENSE.
"""

import lzma
import re
import sys
import zipfile
from pathlib import Path

# Debian's own are newer, and the rest of the system needs those.
SYSTEM_LIBRARIES = {"libresolv.so.2", "libstdc++.so.6", "libgcc_s.so.1"}

PATHS = {
    "etcd_data_dir": "/var/lib/milvus/etcd",
    "local_storage_dir": "/var/lib/milvus/data",
    "rocksmq_data_dir": "/var/lib/milvus/rdb_data",
    "system_log_path": '""',
}
# `{{ name }}` or `{{ name(type): default }}`
PLACEHOLDER = re.compile(r"\{\{ *(?P<name>[a-z_]+)(?:\([a-z]+\))?(?:: *(?P<default>[^ }]*))? *\}\}")


def render(template: str) -> str:
    """Return the configuration with every placeholder filled and the stores made external."""

    def value(match: re.Match[str]) -> str:
        default = match["default"]
        return PATHS[match["name"]] if default is None else default

    text = PLACEHOLDER.sub(value, template)
    text, embedded = re.subn(r"(?m)^( +embed:) true", r"\1 false", text)
    text, storage = re.subn(r"(?m)^( +storageType:) local", r"\1 remote", text)
    if not (embedded and storage):
        raise SystemExit("the configuration template of this wheel is not the expected one: check unpack.py")
    return text


def unpack(wheel: Path, target: Path) -> None:
    """Write the server, its libraries, its configuration and its licence below `target`."""
    libraries, configs = target / "lib", target / "configs"
    for directory in (libraries, configs, target / "bin"):
        directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = Path(name)
            if path.match("milvus/data/bin/*.lzma") and path.stem not in SYSTEM_LIBRARIES:
                library = libraries / path.stem
                library.write_bytes(lzma.decompress(archive.read(name)))
                library.chmod(0o755)
            elif path.name == "config.yaml.template":
                (configs / "milvus.yaml").write_text(render(archive.read(name).decode()))
            elif path.match("*.dist-info/LICENSE"):
                (target / "LICENSE").write_bytes(archive.read(name))


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
