#!/bin/sh
# The command is an argument of minio unless it names it; MINIO_ROOT_USER_FILE and MINIO_ROOT_PASSWORD_FILE are read
# by the server itself.
set -eu
if [ "${1:-}" != minio ]; then set -- minio "$@"; fi
if [ "$(id -u)" = 0 ]; then
    find /data \! -user minio -exec chown minio:minio '{}' +
    exec setpriv --reuid=minio --regid=minio --clear-groups "$@"
fi
exec "$@"
