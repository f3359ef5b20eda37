#!/usr/bin/env bash
# The files of deploy/, each tried by the tools that it is for: tests/field/deploy.sh [units|cron|manifests|image|airflow|dagster ...]
# Where a load is made, it is a real one, into the program's own sandbox, with the pipeline file of deploy/. For Debian
# 12 and root; installs what it needs. A line a check: PASS, FAIL, or SKIP with the reason; ends with 1 where one failed.
#
#   FIELD_CACHE   where Python packages and the image's base are kept; target/field
#   ROSTREAM      the program; target/release/rostream
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
deploy=$root/deploy
mkdir -p "${FIELD_CACHE:-$root/target/field}"
cache=$(cd "${FIELD_CACHE:-$root/target/field}" && pwd)
program=$(realpath "${ROSTREAM:-$root/target/release/rostream}")
work=$(mktemp -d)
sandbox=
container=
failed=0

clean_up() {
    [ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null
    [ -z "$container" ] || buildah rm "$container" >/dev/null 2>&1
    rm -rf "$work"
}
trap clean_up EXIT

said() { # WORD TEXT
    printf '%-4s  %s\n' "$1" "$2"
    [ "$1" != FAIL ] || failed=1
}

# Runs a command; what it prints is shown where it does not end as it should.
check() { # NAME EXIT COMMAND...
    local name=$1 expected=$2 code=0
    shift 2
    "$@" >"$work/output" 2>&1 </dev/null || code=$?
    if [ "$code" = "$expected" ]; then said PASS "$name"; else said FAIL "$name: exit $code"; tail -30 "$work/output"; fi
}

debian() { # COMMAND PACKAGE...
    local command=$1
    shift
    command -v "$command" >/dev/null || {
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
    } >"$cache/apt.log" 2>&1
}

# A folder of Python packages of its own for each tool.
python() { # NAME REQUIREMENT...
    local name=$1
    shift
    [ -e "$cache/$name/ready" ] || {
        python3 -m venv "$cache/$name" && "$cache/$name/bin/pip" install -q "$@" && touch "$cache/$name/ready"
    } >"$cache/$name.log" 2>&1
}

# An extract, a token, a sandbox that takes it, and empty folders for the ledger and what runs leave.
lab() {
    mkdir -p "$work/lab/exports/acme" "$work/lab/secrets" "$work/lab/pipelines" "$work/bin"
    cp "$deploy/pipelines/acme.yaml" "$work/lab/pipelines/"
    ln -s "$program" "$work/bin/rostream"
    export PATH=$work/bin:$PATH
    export ROSTREAM_EXPORTS=$work/lab/exports ROSTREAM_SECRETS=$work/lab/secrets ROSTREAM_PIPELINES=$work/lab/pipelines
    export ACME_TENANT=SANDBOX
    rostream sample --rows 500 -q -o "$ROSTREAM_EXPORTS/acme/workers-1.csv"
    rostream sandbox --port 0 --token-file "$ROSTREAM_SECRETS/acme-token" >"$work/sandbox.log" 2>&1 &
    sandbox=$!
    for _ in $(seq 100); do
        ORGVUE_BASE_URL=$(grep -som1 "http://127.0.0.1:[0-9]*" "$work/sandbox.log") && break
        sleep 0.1
    done
    export ORGVUE_BASE_URL
    ledger lab
}

ledger() { # NAME
    export ROSTREAM_STATE=$work/$1-state ROSTREAM_OUT=$work/$1-out
}

pipeline() {
    check "pipeline: lint" 0 rostream lint "$deploy/pipelines/acme.yaml"
    check "pipeline: without the ledger's volume nothing runs" 1 rostream run "$deploy/pipelines/acme.yaml" -q
    check "pipeline: state init" 0 rostream state init "$deploy/pipelines/acme.yaml"
    check "pipeline: state init again changes nothing" 0 rostream state init --state "$ROSTREAM_STATE/ledger"
    check "pipeline: run" 0 rostream run "$deploy/pipelines/acme.yaml" -q
    # As fsGroup leaves it on every start, without fsGroupChangePolicy.
    cp -a "$ROSTREAM_STATE" "$work/shared-state" && chmod -R g+rwX "$work/shared-state"
    check "pipeline: a ledger that a group can write is refused" 1 \
        env ROSTREAM_STATE="$work/shared-state" rostream run "$deploy/pipelines/acme.yaml" -q
}

units() {
    debian systemd-analyze systemd || return
    local to=$work/units
    mkdir -p "$to"
    # Templates are verified as instances, and the program is where it is here.
    for unit in rostream@.service rostream@.timer rostream-failed@.service; do
        sed "s|/usr/local/bin/rostream|$program|" "$deploy/systemd/$unit" >"$to/${unit/@/@acme}"
    done
    check "systemd: verify" 0 systemd-analyze verify "$to"/*.service "$to"/*.timer
    [ ! -s "$work/output" ] || { said FAIL "systemd: verify has something to say"; cat "$work/output"; }
    check "systemd: exposure of at most 2.0" 0 \
        systemd-analyze security --offline=true --threshold=20 "$to/rostream@acme.service"
    tail -1 "$work/output"
    debian systemd-sysusers systemd
    mkdir -p "$work/sysusers/etc"
    check "systemd: sysusers" 0 systemd-sysusers --root="$work/sysusers" "$deploy/systemd/rostream.sysusers"
    debian strace strace || return
    ledger units
    rostream state init --state "$ROSTREAM_STATE/ledger" 2>"$work/output"
    strace -f -qq -o "$work/calls" rostream run "$deploy/pipelines/acme.yaml" -q 2>"$work/output"
    check "systemd: every system call of a load is one that the unit lets through" 0 \
        python3 "$here/calls.py" "$work/calls" "$deploy/systemd/rostream@.service"
}

# The line's own command, with its own variables, but for the folders and the server.
cron() {
    ledger cron
    rostream state init --state "$ROSTREAM_STATE/ledger" 2>"$work/output"
    mkdir -p "$ROSTREAM_OUT"
    local command
    command=$(awk '$6 == "rostream"' "$deploy/cron/rostream" | cut -d' ' -f7- | sed "s|/var/lib/rostream/out|$ROSTREAM_OUT|; s|/etc/rostream|$deploy/pipelines|")
    check "cron: the command" 0 sh -c "$command"
    [ ! -s "$work/output" ] || { said FAIL "cron: a good night sends no mail"; cat "$work/output"; }
    check "cron: a bad night" 0 env ROSTREAM_EXPORTS=/nowhere sh -c "$command"
    if grep -q '^error: ' "$work/output"; then said PASS "cron: a bad night sends a mail"; else said FAIL "cron: a bad night sends no mail"; fi
}

manifests() {
    python kubernetes kubernetes-validate || { said SKIP "kubernetes: see $cache/kubernetes.log"; return; }
    local validate=$cache/kubernetes/bin/kubernetes-validate version
    for version in 1.31 1.37; do
        for manifest in "$deploy"/kubernetes/*.yaml; do
            check "kubernetes: $(basename "$manifest") for $version" 0 "$validate" --strict -k "$version" "$manifest"
        done
    done
    sed 's/concurrencyPolicy/concurencyPolicy/' "$deploy/kubernetes/cronjob.yaml" >"$work/wrong.yaml"
    check "kubernetes: a misspelt key is seen" 1 "$validate" --strict "$work/wrong.yaml"
}

# Everything of the recipe but the compiler: the program is the one that is here, the base a Debian of this machine's release.
image() {
    debian buildah buildah && debian debootstrap debootstrap || { said SKIP "image: buildah is not to be had"; return; }
    export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
    local base=$cache/base image=$work/image
    [ -e "$base.ready" ] || {
        debootstrap --variant=minbase --include=ca-certificates "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$base" &&
            touch "$base.ready"
    } >"$cache/base.log" 2>&1 || { said SKIP "image: no base, see $cache/base.log"; return; }
    printf 'FROM scratch\nCOPY . /\n' >"$work/Whole"
    mkdir -p "$image"/image/{exports,pipelines}
    install -d -m 0700 "$image"/volumes/{state,out}
    install -D -m 0755 "$program" "$image/image/usr/local/bin/rostream"
    strip "$image/image/usr/local/bin/rostream"
    check "image: base" 0 buildah bud -q -f "$work/Whole" -t localhost/rostream-base "$base"
    check "image: what the first stage leaves" 0 buildah bud -q -f "$work/Whole" -t localhost/rostream-build "$image"
    check "image: build" 0 buildah bud -q -f "$deploy/Containerfile" --ignorefile "$deploy/Containerfile.dockerignore" \
        --build-arg BASE=localhost/rostream-base --build-context build=container-image://localhost/rostream-build \
        -t localhost/rostream "$root"
    container=$(buildah from localhost/rostream) && mounted=$(buildah mount "$container") || { said FAIL "image: mount"; return; }
    local volume=$work/volume user
    user=$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")
    [ "$user" = 65532:65532 ] && said PASS "image: user $user" || said FAIL "image: user $user"
    [ "$(stat -c %u:%g:%a "$mounted/state")" = 65532:65532:700 ] && said PASS "image: volumes are the user's" || said FAIL "image: volumes"
    mkdir -p "$volume"/{state,out,secrets}
    # As Kubernetes mounts them: links in the secret, the group of fsGroup.
    mkdir "$volume/secrets/..data" && cp "$ROSTREAM_SECRETS/acme-token" "$volume/secrets/..data/"
    ln -s ..data/acme-token "$volume/secrets/acme-token"
    chmod 440 "$volume/secrets/..data/acme-token"
    chown -R :65532 "$volume" && chmod 2775 "$volume"/{state,out}
    chmod 755 "$work"
    local inside=(unshare -m -p -f "$here/inside.sh" "$mounted" "$volume" "$ROSTREAM_EXPORTS" "$deploy/pipelines")
    check "image: a volume that is not the ledger's" 1 "${inside[@]}" run /pipelines/acme.yaml -q
    check "image: state init" 0 "${inside[@]}" state init --state /state/ledger
    check "image: load, with a read-only root, without root and capabilities" 0 \
        "${inside[@]}" run /pipelines/acme.yaml --no-progress --partial-ok
    check "image: the ledger is found again" 0 "${inside[@]}" run /pipelines/acme.yaml -q
}

airflow() { # NAME REQUIREMENT
    local name=$1
    python "$@" || { said SKIP "$name: see $cache/$name.log"; return; }
    local bin=$cache/$name/bin
    export AIRFLOW_HOME=$work/$name AIRFLOW__CORE__LOAD_EXAMPLES=False
    mkdir -p "$AIRFLOW_HOME/dags" && cp "$deploy/airflow/rostream_dag.py" "$AIRFLOW_HOME/dags/"
    check "$name: database" 0 "$bin/airflow" db migrate
    check "$name: the DAG, its import and every end" 0 "$bin/python" "$here/scheduled.py" airflow "$deploy"
    ledger "$name"
    rostream state init --state "$ROSTREAM_STATE/ledger" 2>"$work/output"
    check "$name: a night" 0 "$bin/airflow" dags test rostream_nightly 2026-11-26
    compgen -G "$ROSTREAM_OUT/acme/run-*.report.json" >/dev/null && said PASS "$name: it loaded" || said FAIL "$name: no load"
}

dagster() {
    python dagster dagster || { said SKIP "dagster: see $cache/dagster.log"; return; }
    ledger dagster
    rostream state init --state "$ROSTREAM_STATE/ledger" 2>"$work/output"
    check "dagster: a night, and every end" 0 "$cache/dagster/bin/python" "$here/scheduled.py" dagster "$deploy"
    compgen -G "$ROSTREAM_OUT/acme/run-*.report.json" >/dev/null && said PASS "dagster: it loaded" || said FAIL "dagster: no load"
}

[ -x "$program" ] || { echo "no program: cargo build --release, or ROSTREAM=..." >&2; exit 1; }
[ $# -gt 0 ] || set -- units cron manifests image airflow dagster
lab
pipeline
for part in "$@"; do
    case $part in
    units | cron | manifests | image | dagster) "$part" ;;
    airflow) airflow airflow2 'apache-airflow==2.*' && airflow airflow3 'apache-airflow==3.*' ;;
    *) echo "unknown: $part" >&2; exit 1 ;;
    esac
done
exit $failed
