"""Commands in sentences: whoever tells one may not know the stack, and followed as it stands it would act on another. Pure."""

import re
from typing import Any

_DEFAULT = "dev"
_SERVICE = "(?:postgres|redis|duckdb|elasticsearch|etcd|minio|milvus|monitor|proxy|gateway|backups)"
_BACKUP = "(?:create|list|show|verify|restore|drill|prune|identity|schedule show)"
_AUDIT = "(?:verify|export|show)"
_CERTIFICATES = "(?:show|authority|renew)"
_MIGRATE = "(?:status|plan|up|down|verify|repair|baseline|confirm|new)"
_COMMAND = "(?:status|health|start|stop|restart|logs|shell|connect|doctor|graph|config|reset|load|reconcile|preview|rotate|upgrade|destroy)"
_VALUE = r"(?:<[^>\n]*>|[^\s,;()]*[^\s,;().])"
_VALUED = (
    f"--(?:to|confirm|format|from|only|label) [\\w-]+| --(?:identity|write|mask|target|into|at|file|public) {_VALUE}"
)
# An id of a set, or the beginning of one; a dot at its end is the sentence's.
_SET = r"\d{8}T[\w-]+(?:\.[\w-]+)?"
_OPTIONS = rf"(?: {_VALUED}| --(?!stack)[\w-]+| -[fy]\b)*"
# As far as a command reaches: what follows its names and options is the sentence again.
_KAREN = re.compile(
    rf"\./karen (?:migrate {_MIGRATE}|backup {_BACKUP}|audit {_AUDIT}|certificates {_CERTIFICATES}|{_COMMAND})\b(?: (?:{_SERVICE}\b|all\b|latest\b|{_SET}))*{_OPTIONS}(?![\w-])"
)
_SETTING = r"ai-karen-db:\w+"
_PULUMI = re.compile(
    rf"\bpulumi (?:config rm {_SETTING}|config set(?: --secret)? {_SETTING}(?! --)(?: {_VALUE})?"
    r"|(?:up|refresh|destroy|cancel)(?: --(?!stack)[\w-]+)*)(?![\w-])"
)
_MAKE = re.compile(r"\bmake (?:up|images)\b")


def for_stack(text: str, stack: str) -> str:
    """Return a text whose commands name the stack they are for; those of this project mean `dev` where they name none."""
    text = _PULUMI.sub(lambda found: _named(found, "--stack ", stack), text)
    if stack == _DEFAULT:
        return text
    return _MAKE.sub(
        lambda found: _named(found, "STACK=", stack), _KAREN.sub(lambda f: _named(f, "--stack ", stack), text)
    )


def everywhere(value: Any, stack: str) -> Any:
    """Return a document with all its texts so."""
    if isinstance(value, str):
        return for_stack(value, stack)
    if isinstance(value, dict):
        return {key: everywhere(item, stack) for key, item in value.items()}
    return [everywhere(item, stack) for item in value] if isinstance(value, list | tuple) else value


def _named(found: re.Match[str], option: str, stack: str) -> str:
    """Return a command with the option, if neither it nor what follows it has that."""
    rest = re.split(r"[;,.)\n]\s|\./karen|\bpulumi ", found.string[found.end() :], maxsplit=1)[0]
    has_it = option in f"{found[0]}{rest}" or re.search(r" -s \S", found[0] + rest)
    return found[0] if has_it else f"{found[0]} {option}{stack}"
