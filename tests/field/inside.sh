#!/usr/bin/env bash
# Runs the image's program as a container would be run, in a mount namespace that `unshare -m` made: deploy.sh uses it
# where no container runtime works. ROOT VOLUME EXPORTS PIPELINES ARGUMENT...
set -euo pipefail
image=$1 volume=$2 exports=$3 pipelines=$4
shift 4
mount --bind "$image" "$image"
mkdir -p "$image/run/secrets/rostream"
mount --bind "$volume/state" "$image/state"
mount --bind "$volume/out" "$image/out"
mount --bind -o ro "$exports" "$image/exports"
mount --bind -o ro "$pipelines" "$image/pipelines"
mount --bind -o ro "$volume/secrets" "$image/run/secrets/rostream"
mount -t tmpfs -o mode=1777 tmpfs "$image/tmp"
mount -t proc proc "$image/proc"
mount -o remount,ro,bind "$image"
if touch "$image/written" 2>/dev/null; then
    echo "the root can be written" >&2
    exit 99
fi
exec env -i ORGVUE_BASE_URL="$ORGVUE_BASE_URL" ACME_TENANT="$ACME_TENANT" \
    "$(command -v chroot)" --userspec=65532:65532 --groups=65532 "$image" /usr/local/bin/rostream "$@"
