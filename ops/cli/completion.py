"""What a shell completes: names of stacks, servers and engines, read from Pulumi's state on this disk.

The scripts are Typer's, but for two: zsh and fish would run `karen` from PATH where `./karen` was typed.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

import typer
from typer import _completion_shared

from bootstrap import state
from ops import graph
from ops.cli.errors import CommandError
from ops.cli.recorded import Record, Recorded

PROGRAM = "karen"
_VARIABLE = "_KAREN_COMPLETE"
_OPTIONS = ("--install-completion", "--show-completion")
# Sourced, it names the function for the command; loaded at the first use of it, it is the function.
_ZSH = """
#compdef %(prog_name)s

%(complete_func)s() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh ${~words[1]})
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""
_FISH = """
function %(complete_func)s
    set --local found (env %(autocomplete_var)s=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
        _TYPER_COMPLETE_ARGS=(commandline --cut-at-cursor --current-process) (commandline --tokenize --current-process)[1])
    if test -n "$found"
        printf '%%s\\n' $found
    else
        __fish_complete_path (commandline --current-token)
    end
end

complete --command %(prog_name)s --no-files --arguments "(%(complete_func)s)"
"""


def asked(arguments: Sequence[str]) -> bool:
    """Whether this is a shell that completes a command line, or somebody who wants that."""
    return _VARIABLE in os.environ or any(argument in _OPTIONS for argument in arguments[:1])


def prepare() -> None:
    """Give Typer the two scripts that run the command as it was typed."""
    _completion_shared._completion_scripts.update(zsh=_ZSH, fish=_FISH)


def stacks() -> list[str]:
    """Return the stacks of this machine."""
    return sorted(path.stem for path in state.stack_file("any").parent.glob("*.json"))


def servers(context: typer.Context) -> list[str]:
    """Return the services of the stack's containers."""
    with suppress(OSError, ValueError, LookupError):
        return sorted(graph.servers(state.recorded(_stack(context)).get("resources") or ()))
    return []


def engines(context: typer.Context) -> list[str]:
    """Return the engines that the stack has initialized."""
    return [record.engine for record in _records(context)]


def migrated(context: typer.Context) -> list[str]:
    """Return those of them that have migrations."""
    return [record.engine for record in _records(context) if record.migrations]


def loaded(context: typer.Context) -> list[str]:
    """Return those of them that take files."""
    from init.loads.source import SUFFIXES

    return [record.engine for record in _records(context) if record.engine in SUFFIXES]


def _records(context: typer.Context) -> Iterable[Record]:
    with suppress(CommandError, LookupError):
        return Recorded.read(_stack(context)).records.values()
    return ()


def _stack(context: typer.Context) -> str:
    return str(context.params.get("stack") or "dev")
