#!/usr/bin/env bash
# A person with Rust and no clone: packs everything, installs cargo-lockdep from the packed files into an empty home,
# and runs with it what README shows first, then `init` and `test` on a new project. Needs the registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

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
readme="$OLDPWD/README.md"
command=$(sed -n '/^## See it/,/^## /p' "$readme" | sed -n '/^```sh$/,/^```$/p' | grep -E '^cargo lockdep ' | head -n 1)
[ -n "$command" ] || fail "README shows no command under 'See it'"
printf '+ %s\n' "$command"
code=0
bash -c "$command" >"$home/stdout" 2>"$home/stderr" || code=$?
tail -n 4 "$home/stderr"
[ "$code" = 3 ] || fail "it ended with $code instead of 3: $(tail -n 40 "$home/stderr")"
grep -q '^error\[LD0003\]' "$home/stderr" || fail "it did not report LD0003"

say "a project of one's own"
cargo new --quiet --lib "$home/mine"
cd "$home/mine"
cat >src/lib.rs <<'RUST'
use std::sync::Mutex;
static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u8> = Mutex::new(0);
#[test]
fn one_way() { let _a = A.lock().unwrap(); let _b = B.lock().unwrap(); }
#[test]
fn the_other_way() { let _b = B.lock().unwrap(); let _a = A.lock().unwrap(); }
RUST
cargo lockdep init
code=0
cargo lockdep test --lib -- --test-threads=1 2>"$home/stderr" || code=$?
tail -n 4 "$home/stderr"
[ "$code" = 3 ] || fail "the inversion ended with $code instead of 3"

say "done"
