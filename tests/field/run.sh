#!/usr/bin/env bash
# Faults at servers that we did not write, one row of the table each: tests/field/run.sh [ROW...|all]
# Without a row, those that take seconds. What can't be installed or done here is skipped, with the reason.
#
#   FIELD_CACHE      where all is installed but Debian's packages; target/field
#   ROSTREAM         the program; target/release/rostream
#   FIELD_STORAGE    s3s-fs (the default), localstack or garage: the storage of the rows that name none
#   FIELD_GARAGE=1   builds garage too, which takes long
#   FIELD_GB         how much T53 sends, in GB; 10
#   FIELD_SAMPLES    where T53 writes its memory down, a line of seconds and MiB each half second
#   FIELD_SHOW=1     shows what the program prints; FIELD_KEEP=1 keeps the folders of the rows
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FIELD_CACHE:-$here/../../target/field}
mkdir -p "$cache"
export FIELD_CACHE=$cache

# Installs once; a failure leaves a log, and the rows that need it are skipped.
once() { # NAME COMMAND...
    local name=$1
    shift
    [ -e "$cache/$name.ready" ] && return
    echo "installing $name ($cache/$name.log)" >&2
    if "$@" >"$cache/$name.log" 2>&1; then touch "$cache/$name.ready"; else echo "  failed" >&2; fi
}

debian() {
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        nginx-light openssl iproute2 nftables strace faketime
}

python() {
    python3 -m venv "$cache/venv" && "$cache/venv/bin/pip" install -q boto3 mitmproxy==11.0.2
}

s3s() {
    CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-1} nice cargo install --root "$cache/cargo" --target-dir "$cache/build" \
        s3s-fs --version 0.14.1 --features binary --locked
}

# Newer versions of what is pinned here break it, and it wants Python 3.13.
localstack() {
    local python313
    python313=$(command -v python3.13 && python3.13 --version >/dev/null 2>&1 || ls "$HOME"/.pyenv/versions/3.13*/bin/python3.13) || return
    "${python313##*$'\n'}" -m venv "$cache/venv313" &&
        "$cache/venv313/bin/pip" install -q 'localstack-core[base-runtime]==4.14.0' 'cbor2<6' 'pyopenssl==24.3.0' \
            'cryptography<45' 'service_identity==24.2.0'
}

# A large build: only where it is asked for.
garage() {
    CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-1} CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_DEBUG=0 nice -n 19 cargo install --root "$cache/cargo" --target-dir "$cache/build" \
        garage --version 2.5.0 --locked --no-default-features --features bundled-libs,sqlite
}

command -v nginx nft ip strace faketime openssl >/dev/null || [ "$(id -u)" != 0 ] || once debian debian
once python python
[ -e "$cache/python.ready" ] || { echo "no Python packages, and so no API: see $cache/python.log" >&2; exit 1; }
once s3s-fs s3s
once localstack localstack
[ -z "${FIELD_GARAGE:-}" ] || once garage garage
exec "$cache/venv/bin/python" "$here/rows.py" "$@"
