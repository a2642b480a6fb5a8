"""Every exception from the rules for what a stack declares, with its reason. What is not listed here is a fault.

Rules with a number are those of docker-bench-security, section 5 (container runtime); the others are this project's own, most of
them in policy/.
"""

from dataclasses import dataclass

EVERY = "every container"


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One line: the rule, whose container it is about (or which volume or network), what is otherwise, and why that is right."""

    rule: str
    services: tuple[str, ...]
    otherwise: str
    reason: str
    # Whether a machine may keep the rule all the same.
    of_host: bool = False

    def covers(self, rule: str, service: str) -> bool:
        """Whether it is about a service's container, for a rule."""
        return self.rule == rule and (service in self.services or self.services == (EVERY,))


EXEMPTIONS = (
    Exemption(
        rule="5.1",
        services=(EVERY,),
        otherwise="no AppArmor profile where the host's kernel has none",
        reason="the engine applies its default profile by itself where AppArmor is on; asking for it elsewhere keeps a container from starting",
        of_host=True,
    ),
    Exemption(
        rule="5.2",
        services=(EVERY,),
        otherwise="no SELinux label where the host's engine runs without SELinux",
        reason="labels are the engine's to give (selinux-enabled); a label of ours would be wrong on most hosts",
        of_host=True,
    ),
    Exemption(
        rule="5.14",
        services=(EVERY,),
        otherwise="restarted without a limit of five attempts",
        reason="a server that gave up after five attempts would stay away when its disk or its neighbour is back; the monitor sees and tells loops",
    ),
    Exemption(
        rule="5.26",
        services=("job *",),
        otherwise="no health check",
        reason="a job answers within its deadline, or is ended; nobody waits for it to be healthy",
    ),
    Exemption(
        rule="5.31",
        services=("proxy",),
        otherwise="the engine's socket is mounted",
        reason="it is what lets nobody else have the socket: a closed list of requests about this stack's servers, no network, no capability",
    ),
    Exemption(
        rule="user",
        services=("proxy",),
        otherwise="user 0, without any capability",
        reason="the engine's socket belongs to root; without capabilities root is the owner of that file and no more",
    ),
    Exemption(
        rule="user",
        services=("backups",),
        otherwise="in development the user who runs Pulumi, who may be 0",
        reason="DuckDB's file is in that user's own directory, for applications of that user to open",
    ),
    Exemption(
        rule="restart policy",
        services=("monitor", "backups", "relay", "proxy", "gateway"),
        otherwise="always, not unless-stopped",
        reason="an engine that was killed ends what still runs and takes that for a stop by hand; then nobody would start the others",
    ),
    Exemption(
        rule="capabilities",
        services=("job files-*",),
        otherwise="CHOWN, DAC_OVERRIDE and FOWNER, as root, for a moment",
        reason="it writes secrets for other users and gives volumes to them; it has no network, and mounts that service's volumes only",
    ),
    Exemption(
        rule="capabilities",
        services=("job backup",),
        otherwise="DAC_READ_SEARCH, SETUID and SETGID, as root",
        reason="--cold copies three servers' volumes, a restore reads a target that may be closed to its user; before it begins, it gives up all rights but that of reading",
    ),
    Exemption(
        rule="network",
        services=("minio",),
        otherwise="on the data network besides the backend network",
        reason="applications have buckets of their own there; Milvus reaches it as `storage`, on the backend network only",
    ),
    Exemption(
        rule="authentication",
        services=("etcd",),
        otherwise="asks nobody for a password",
        reason="Milvus is its only client; it is on the backend network alone, which applications are not on",
    ),
    Exemption(
        rule="encrypted connections",
        services=("monitor", "backups", "relay"),
        otherwise="have no certificate",
        reason="nobody connects to backups, and the monitor and the relay serve metrics alone, which hold no secret and no data",
    ),
    Exemption(
        rule="encrypted connections",
        services=("gateway",),
        otherwise="has no certificate of its own",
        reason="it passes bytes on as they are: the connection is encrypted from the client to Milvus, whose certificate the client verifies",
    ),
    Exemption(
        rule="encryption",
        services=("milvus",),
        otherwise="its port 9091, of health and metrics, and the ports by which its own parts talk to each other are not encrypted",
        reason="Milvus 2.3.5 has TLS for the port of its clients and for its stores only; its parts are one process, in one container",
    ),
    Exemption(
        rule="authentication",
        services=("milvus",),
        otherwise="its metrics (port 9091) and its components' own ports ask nobody for a password",
        reason="no setting of it does; applications are not on its networks, and the gateway through which they come has port 19530 alone",
    ),
    Exemption(
        rule="secrets in logs",
        services=("pulumi -v3",),
        otherwise="from -v3 on, what Pulumi 3.259 logs of its own calls has the values that it passes, secret ones too",
        reason="later versions leave them out; whoever asks for it holds the passphrase, and the log files that Pulumi keeps by itself are encrypted",
    ),
    Exemption(
        rule="egress",
        services=("monitor", "backups"),
        otherwise="on the network that leads outside, where alerts or a bucket are configured",
        reason="alerts are sent to somebody outside, and sets are stored in a bucket outside; nobody else leaves",
    ),
    Exemption(
        rule="internal networks",
        services=("network operations-bridge",),
        otherwise="leads outside",
        reason="it is the way of the monitor and of backups, and no engine is on it",
    ),
    Exemption(
        rule="shown secrets",
        services=("monitor", "backups", "relay"),
        otherwise="twelve digits of a hash of the configuration are a label",
        reason="a changed configuration has to replace the container; the hash is of generated passwords too, and tells none of them",
    ),
    Exemption(
        rule="protection",
        services=("volume engine-socket", "volume backups-directory"),
        otherwise="not protected in production",
        reason="the one holds a socket, which goes with the proxy; the other only points to a directory, in which nothing is removed",
    ),
    Exemption(
        rule="host paths",
        services=("volume duckdb-data", "volume backups-directory"),
        otherwise="a directory of the host",
        reason="the user chose it: DuckDB's file for applications there, and a backup target; what is in it is kept, and only these two may be asked for",
    ),
    Exemption(
        rule="image digest",
        services=("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus", "proxy", "gateway"),
        otherwise="a registry's images are pinned by their tags only",
        reason="no registry could be asked for their digests when the references were written; images built here are named by a hash",
    ),
)


def exempt(rule: str, service: str) -> Exemption | None:
    """Return the line that says why a service's container does not keep a rule; None if nothing does."""
    return next((one for one in EXEMPTIONS if one.covers(rule, service)), None)
