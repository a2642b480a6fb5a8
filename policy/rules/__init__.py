"""Every rule, one function each."""

from policy.rule import Rule
from policy.rules import data, images, limits, network, privileges, secrets

RULES: tuple[Rule, ...] = (
    *limits.RULES,
    *privileges.RULES,
    *network.RULES,
    *images.RULES,
    *data.RULES,
    *secrets.RULES,
)
