#!/usr/bin/env bash
# fetch-wheels.sh PYTHON VERSION MACHINE FOLDER: with that Python's pip, the pinned packages for a Raspberry Pi OS whose
# Python has this version (3.11), on this machine (aarch64), each checked against its hash.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$1 version=$2 machine=$3 folder=$4
platforms=()
while read -r platform; do platforms+=(--platform "${platform}_$machine"); done <"$here/platforms.txt"
exec "$python" -m pip download --quiet --progress-bar off --no-deps --only-binary :all: --require-hashes \
    --python-version "$version" "${platforms[@]}" --dest "$folder" -r "$here/requirements-$version.txt"
