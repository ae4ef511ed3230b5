#!/usr/bin/env bash
# Shows that each error that lockdep reports of turso_core is a hang that the published crate can have. Every call is one of its
# safe interface. Needs the registry and gdb. `run.sh 0.4.2` takes that version; the default is 0.4.3.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
version="${1:-0.4.3}"
scratch="${CARGO_TARGET_DIR:-$here/../../../target}/turso/$version"
mkdir -p "$scratch/package"
cp -r "$here/." "$scratch/package"
sed -i "s/\"=0.4.3\"/\"=$version\"/" "$scratch/package/Cargo.toml"
cd "$scratch/package"
CARGO_TARGET_DIR="$scratch" cargo build --quiet
programs="$scratch/debug"
extension="$programs/libempty_table.so"

echo "schema: $("$programs/race" 2> "$scratch/race.err")"

# Held up by a debugger, and stopped in `stuck` with the given lines on the stacks.
staged() {
    local name="$1" lines="$2" found="$scratch/$1.txt"
    shift 2
    gdb -batch -x "$name.gdb" --args "$programs/staged" "$name" "$@" > "$found" 2>&1
    grep -q 'hit Temporary breakpoint .*stuck ()' "$found" || { echo "$name: no hang, see $found"; exit 1; }
    for line in $lines; do
        grep -q " at [^ ]*$line\$" "$found" || { echo "$name: no thread waits at $line"; exit 1; }
    done
    echo "$name: all threads wait, at $lines"
}
# `Connection::_prepare`
read_again=lib.rs:1382
test "$version" = 0.4.2 && read_again=lib.rs:1379
staged symbols "$read_again vdbe/execute.rs:1055" "$extension"
staged subjournal "pager.rs:1393 pager.rs:1451 pager.rs:1526"

status=0
timeout 20 "$programs/staged" alone "$extension" || status=$?
test "$status" = 124 && echo "alone: the thread waits for itself"
