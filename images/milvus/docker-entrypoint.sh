#!/bin/sh
# Milvus panics when etcd stays away for long, as after a restart of the whole machine: wait for both of its stores.
set -eu

wait_for() {
    announced=no
    until curl --silent --fail --max-time 2 --output /dev/null "$1"; do
        if [ "$announced" = no ]; then echo "waiting for $1"; announced=yes; fi
        sleep 0.2
    done
}

scheme() { if [ "$1" = true ]; then echo https; else echo http; fi; }

case "$*" in
    *"milvus run"*)
        etcd="${ETCD_ENDPOINTS:-etcd:2379}"
        # Where they are encrypted, curl verifies them with the authorities that SSL_CERT_FILE names, as the server does.
        wait_for "$(scheme "${ETCD_SSL_ENABLED:-}")://${etcd%%,*}/health"
        wait_for "$(scheme "${MINIO_USESSL:-}")://${MINIO_ADDRESS:-minio:9000}/minio/health/live"
        ;;
esac
exec "$@"
