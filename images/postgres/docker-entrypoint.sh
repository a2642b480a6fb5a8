#!/bin/bash
# Initializes an empty data directory once, then becomes the server. Same variables as the upstream image:
# POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB (each also as NAME_FILE), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, PGDATA, /docker-entrypoint-initdb.d.
set -Eeuo pipefail

fail() { printf 'postgres image: %s\n' "$*" >&2; exit 1; }

# read_setting NAME DEFAULT: the variable, or the content of the file that NAME_FILE names.
read_setting() {
    local name="$1" file="$1_FILE"
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then fail "$name and $file are both set: keep one of them"; fi
    if [ -n "${!file:-}" ]; then
        [ -r "${!file}" ] || fail "$file names ${!file}, which user $(id -u) cannot read"
        printf -v "$name" '%s' "$(< "${!file}")"
    else
        printf -v "$name" '%s' "${!name:-$2}"
    fi
    # Exported so that scripts in initdb.d see it; the server itself starts without the password, see below.
    export "${name?}"
    unset "$file"
}

# One statement in a single-user backend: no server has to be started and stopped for it.
single_user() { postgres --single -j -D "$1" -c log_checkpoints=off postgres <<< "$2" > /dev/null; }

run_scripts() {
    local directory="$1" script
    local -a client=(psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" --dbname "$POSTGRES_DB")
    compgen -G '/docker-entrypoint-initdb.d/*' > /dev/null || return 0
    PGUSER="$POSTGRES_USER" pg_ctl -D "$directory" -o "-c listen_addresses=''" -w start
    for script in /docker-entrypoint-initdb.d/*; do
        # shellcheck source=/dev/null
        case "$script" in
            *.sh) if [ -x "$script" ]; then "$script"; else . "$script"; fi ;;
            *.sql) "${client[@]}" --file "$script" ;;
            *.sql.gz) gunzip --stdout "$script" | "${client[@]}" ;;
        esac
    done
    PGUSER="$POSTGRES_USER" pg_ctl -D "$directory" -m fast -w stop
}

initialize() {
    local target="$PGDATA" directory="$PGDATA" parent staged=no
    [ -n "$POSTGRES_PASSWORD" ] || [ "${POSTGRES_HOST_AUTH_METHOD:-}" = trust ] \
        || fail "the data directory is empty and no password is given: set POSTGRES_PASSWORD_FILE (or POSTGRES_PASSWORD)"
    # Made beside its place and renamed when whole: a start that is killed half-way never leaves a half-made cluster.
    parent="$(dirname "$PGDATA")"
    if [ -w "$parent" ] && { [ ! -e "$PGDATA" ] || rmdir "$PGDATA" 2> /dev/null; }; then
        staged=yes directory="$PGDATA.initializing"
        rm -rf "$directory"
    fi
    local -a extra=()
    eval "extra=(${POSTGRES_INITDB_ARGS:-})"
    if [ -n "${POSTGRES_INITDB_WALDIR:-}" ]; then extra+=(--waldir "$POSTGRES_INITDB_WALDIR"); fi
    local -a password=()
    if [ -n "$POSTGRES_PASSWORD" ]; then
        exec 3< <(printf '%s\n' "$POSTGRES_PASSWORD")
        password=(--pwfile=/dev/fd/3)
    fi
    initdb -D "$directory" --username="$POSTGRES_USER" --encoding=UTF8 "${password[@]}" "${extra[@]}"
    if [ -n "$POSTGRES_PASSWORD" ]; then exec 3<&-; fi
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$directory/pg_hba.conf"
    if [ "$POSTGRES_DB" != postgres ]; then single_user "$directory" "CREATE DATABASE \"${POSTGRES_DB//\"/\"\"}\";"; fi
    run_scripts "$directory"
    if [ "$staged" = yes ]; then mv -T "$directory" "$target"; fi
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

case "${1:-}" in -*) set -- postgres "$@" ;; esac

if [ "${1:-}" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" && chmod 700 "$PGDATA"
        find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres '{}' +
        exec setpriv --reuid=postgres --regid=postgres --clear-groups "${BASH_SOURCE[0]}" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        read_setting POSTGRES_PASSWORD ''
        read_setting POSTGRES_USER postgres
        read_setting POSTGRES_DB "$POSTGRES_USER"
        initialize
    fi
    # The environment of the server is readable by every backend of the same user; it has no use for the password.
    unset POSTGRES_PASSWORD
fi
exec "$@"
