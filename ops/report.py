"""`make status`: a verification outside the graph, and a table of services, endpoints, versions and health."""

import argparse
import json
import sys
from typing import Any

from rich.table import Table

from init.migrations import NO_VERSION
from init.resources.job import JobError
from init.resources.verification import verify
from ops.pulumi import PulumiError, outputs
from ops.tables import show

SCHEMA = 1
# Who asks for the status wants to know soon that something is down.
_PATIENCE_SECONDS = 10.0


def services(stack: str) -> list[dict[str, Any]]:
    """Ask every engine of a stack now, and return one row per service; JobError names every engine that fails."""
    found = outputs(stack)
    if "operations" not in found:
        raise PulumiError(f"The stack {stack} is not up. Fix: make up STACK={stack}")
    answers = verify(found["operations"]["verification"], patience_seconds=_PATIENCE_SECONDS, exclusive=False)[
        "engines"
    ]
    rows = []
    for service, answer in sorted(answers.items()):
        endpoint = found["endpoints"].get(service, {})
        version = str(answer["schema_version"])
        rows.append(
            {
                "service": service,
                "endpoint": endpoint.get("host") or endpoint.get("network"),
                "version": answer.get("server_version", ""),
                "health": "healthy",
                "schema": version if version != NO_VERSION else "–",
                "counts": answer.get("counts", {}),
            }
        )
    return rows


def main() -> None:
    """Print the table, or JSON; exit 1 when an engine fails its query, 2 when the stack could not be asked."""
    parser = argparse.ArgumentParser(prog="make status", description=__doc__)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        rows = services(options.stack)
    except JobError as error:
        print(f"The stack {options.stack} is not healthy. {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except PulumiError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    if options.json:
        print(json.dumps({"schema": SCHEMA, "stack": options.stack, "services": rows}, indent=2))
    else:
        table = Table(title=f"Stack {options.stack}")
        for column in ("service", "endpoint", "version", "health", "schema version"):
            # Nothing is cut off: what is too long goes on in the next line.
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(row["service"], row["endpoint"], row["version"], f"[green]{row['health']}[/]", row["schema"])
        show(table)


if __name__ == "__main__":
    main()
