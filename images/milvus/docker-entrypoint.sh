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

case "$*" in
    *"milvus run"*)
        etcd="${ETCD_ENDPOINTS:-etcd:2379}"
        wait_for "http://${etcd%%,*}/health"
        wait_for "http://${MINIO_ADDRESS:-minio:9000}/minio/health/live"
        ;;
esac
exec "$@"
