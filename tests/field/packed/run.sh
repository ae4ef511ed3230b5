#!/usr/bin/env bash
# A person with Rust and no clone: packs everything, installs cargo-lockdep from the packed files into an empty home,
# and runs with it what README shows first. A new project then gets `init`, `test`, the CI recipe and the page in a
# browser; the test suite runs this last part by itself. Needs the registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
root=$PWD

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'packed: %s\n' "$*" >&2; exit 1; }

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
packages=(lockdep-validator lockdep-report lockdep cargo-lockdep vmalock)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

say "pack"
# `--dry-run` of `cargo publish` builds each package from its packed files, too.
if [ "${1:-}" = --verify ]; then
    cargo publish --workspace --dry-run --allow-dirty
fi
cargo package "${packages[@]/#/--package=}" --no-verify --allow-dirty --quiet --target-dir "$home/packed"
for package in "${packages[@]}"; do
    tar xzf "$home/packed/package/$package-$version.crate" -C "$home"
done
ls -l "$home/packed/package/"*.crate

say "install from the packed files"
# The registry does not have the other packages yet, so their packed files stand for it.
patches=()
for package in lockdep-validator lockdep-report lockdep; do
    patches+=(--config "patch.crates-io.$package.path='$home/$package-$version'")
done
# Nothing of this machine's own home is seen, but for the toolchain.
export RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"
export HOME="$home/user" CARGO_HOME="$home/user/.cargo"
unset CARGO_TARGET_DIR XDG_CACHE_HOME
mkdir -p "$CARGO_HOME"
cd "$home"
cargo install --debug --path "cargo-lockdep-$version" --target-dir "$home/build" "${patches[@]}"
rm -rf "$home/build"
export PATH="$CARGO_HOME/bin:$PATH"

say "README's first command"
readme="$root/README.md"
command=$(sed -n '/^## See it/,/^## /p' "$readme" | sed -n '/^```sh$/,/^```$/p' | grep -E '^cargo lockdep ' | head -n 1)
[ -n "$command" ] || fail "README shows no command under 'See it'"
printf '+ %s\n' "$command"
code=0
bash -c "$command" >"$home/stdout" 2>"$home/stderr" || code=$?
tail -n 4 "$home/stderr"
[ "$code" = 3 ] || fail "it ended with $code instead of 3: $(tail -n 40 "$home/stderr")"
grep -q '^error\[LD0003\]' "$home/stderr" || fail "it did not report LD0003"

bash "$root/tests/field/packed/project.sh" "$home"

say "done"
