"""Passwords that have broken a shell, an URL or a quoted string before; together, every printable character of ASCII."""

PRINTABLE = "".join(map(chr, range(32, 127)))
ALL = (
    PRINTABLE[:48],
    PRINTABLE[47:],
    "8 chars ",
    " " * 8,
    "x" * 72,
    "p@ss:/#w$rd\"x\\y'z %&;!",
    "pw:with:colons=",
    "`$(id)`${HOME}",
)
