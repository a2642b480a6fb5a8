"""`python -m policy.page`: docs/policy.md, the rules as the code has them."""

from policy.rules import RULES

_HEAD = """\
# Policy

What every stack's resources keep to. The rules are functions over the resource graph (`policy/rules/`), and one function is one rule. They run
twice: over the graph that the program declares, in the tests; and over what `pulumi preview` says that there will be, in
[`./karen preview`](preview.md), which ends with 1 where one is broken and names it with its reason and the fix.

Some hold in production alone: published ports, internal networks, egress, resolver, encrypted connections and protection. What is known only once an update has run breaks none.

**An exception** is a line in `components/exceptions.py`, with what is otherwise and why: [all of them](security.md#exceptions). A test fails for a
line that nothing needs.

**A rule more** is a function with `@rule(name, types, reason, fix)` in one of the modules there, a resource that breaks it in
`tests/unit/policy/test_rules.py`, and `make docs`, which makes this page. Numbers are those of the same rule in
[docker-bench-security](https://github.com/docker/docker-bench-security).

| rule | of | why | fix |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = []
    for one in RULES:
        types = ", ".join(kind.rpartition(":")[2] for kind in one.of) or "everything"
        number = f" ({one.bench})" if one.bench else ""
        rows.append(f"| {one.name}{number} | {types} | {one.reason} | {one.fix[:1].upper()}{one.fix[1:]} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
