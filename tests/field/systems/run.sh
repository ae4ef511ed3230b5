#!/usr/bin/env bash
# Compiles everything that is published for systems that no test runs on. Needs rustup and a network for the standard
# libraries. `cargo check` links nothing, so no foreign linker is needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

fail() { printf 'systems: %s\n' "$*" >&2; exit 1; }

targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(x86_64-apple-darwin x86_64-unknown-freebsd)
packages=(lockdep-validator lockdep-report lockdep vmalock cargo-lockdep)
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
for target in "${targets[@]}"; do
    printf '\n== %s\n' "$target"
    rustup target add "$target" || fail "rustup cannot install the standard library of $target"
    cargo check --target "$target" "${packages[@]/#/--package=}" --message-format short 2>&1 | tee "$printed"
    # Code of the seam that only Linux needs is unused elsewhere. The program's error number is not such code.
    if grep -q 'system/errno.rs.*warning' "$printed"; then fail "errno is not put back on $target"; fi
done
printf '\n== done\n'
