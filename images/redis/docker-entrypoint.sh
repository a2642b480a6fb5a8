#!/bin/sh
# Flags alone or a *.conf file start redis-server; anything else is run as given.
set -eu

case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
    # Debian builds with protected mode on, upstream with it off: off unless a flag or the file decides.
    decided=no
    for argument in "$@"; do
        case "$argument" in
            --protected-mode) decided=yes ;;
            *.conf) if grep -qi '^[[:space:]]*protected-mode' "$argument"; then decided=yes; fi ;;
        esac
    done
    if [ "$decided" = no ]; then set -- "$@" --protected-mode no; fi

    if [ "$(id -u)" = 0 ]; then
        find . \! -user redis -exec chown redis:redis '{}' +
        exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
    fi
fi
exec "$@"
