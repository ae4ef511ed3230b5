#!/usr/bin/env bash
# Installs cargo-lockdep, unless the version that is wanted is there.
set -euo pipefail

have=$(cargo-lockdep --version 2>/dev/null | awk '{ print $NF }' || true)
if [ -n "$have" ] && { [ -z "${INPUT_VERSION:-}" ] || [ "$have" = "$INPUT_VERSION" ]; }; then
    printf 'cargo-lockdep %s is installed\n' "$have"
    exit 0
fi
spec="cargo-lockdep${INPUT_VERSION:+@$INPUT_VERSION}"
if command -v cargo-binstall >/dev/null; then
    cargo binstall --no-confirm "$spec"
else
    cargo install --locked "$spec"
fi
