#!/bin/bash
# Same contract as the upstream image: variables with a dot in their name are settings, ELASTIC_PASSWORD or
# ELASTIC_PASSWORD_FILE is the first password of the user `elastic`, other commands are run as given.
set -euo pipefail

fail() { printf 'elasticsearch image: %s\n' "$*" >&2; exit 1; }

# The path is the default command's only word; options alone are for the server too.
case "${1:-}" in
    '' | eswrapper | elasticsearch) if [ $# -gt 0 ]; then shift; fi ;;
    -*) ;;
    *) exec "$@" ;;
esac

if [ "$(id -u)" = 0 ]; then
    find "$ES_HOME/data" "$ES_HOME/logs" \! -user elasticsearch -exec chown elasticsearch '{}' +
    exec setpriv --reuid=elasticsearch --regid=elasticsearch --init-groups "${BASH_SOURCE[0]}" elasticsearch "$@"
fi

if [ -n "${ELASTIC_PASSWORD_FILE:-}" ]; then
    [ -z "${ELASTIC_PASSWORD:-}" ] || fail "ELASTIC_PASSWORD and ELASTIC_PASSWORD_FILE are both set: keep one of them"
    [ -r "$ELASTIC_PASSWORD_FILE" ] || fail "ELASTIC_PASSWORD_FILE names $ELASTIC_PASSWORD_FILE, which user $(id -u) cannot read"
    mode="$(stat --dereference --format %a "$ELASTIC_PASSWORD_FILE")"
    case "$mode" in
        400 | 600) ;;
        *) fail "$ELASTIC_PASSWORD_FILE has mode $mode: 400 or 600 is required" ;;
    esac
    ELASTIC_PASSWORD="$(< "$ELASTIC_PASSWORD_FILE")"
fi
# A restarted container may have its keystore already; a new one is made in a single start of the tool.
if [ -n "${ELASTIC_PASSWORD:-}" ] && [ ! -f "${ES_PATH_CONF:-$ES_HOME/config}/elasticsearch.keystore" ]; then
    elasticsearch-keystore add --force --stdin bootstrap.password <<< "$ELASTIC_PASSWORD" > /dev/null
fi
unset ELASTIC_PASSWORD ELASTIC_PASSWORD_FILE

settings=()
while IFS='=' read -r -d '' name value; do
    if [[ "$name" =~ ^[a-z0-9_]+\.[a-z0-9_.]+$ && -n "$value" ]]; then settings+=("-E$name=$value"); fi
done < <(env --null)
exec elasticsearch "${settings[@]}" "$@"
