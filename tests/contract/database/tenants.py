"""Names of tenants: some that are tried everywhere, and any others."""

from hypothesis import strategies as st

HOSTILE = [
    '"',
    "\\",
    '\\"',
    "'",
    "a'b",
    '" or "" == "',
    "' OR '1'='1",
    "%",
    "_",
    "{}",
    "$1",
    "ü",
    "😀",
    "a",
    "A",
    "a ",
    "null",
]
_letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
names = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.sampled_from(list("\"'\\\n\t%_*{}ab ")), min_size=1, max_size=12),
    st.text(_letters, min_size=1, max_size=16),
).filter(lambda name: name != "*")
