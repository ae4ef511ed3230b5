#!/usr/bin/env bash
# Runs every command of docs/src/tutorial.md in a temporary folder, and checks how each ends. Needs the registry.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
page="$root/docs/src/tutorial.md"
target=${CARGO_TARGET_DIR:-$root/target}
(cd "$root" && cargo build --quiet --package cargo-lockdep)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$target/debug/cargo-lockdep" "$folder/bin/cargo-lockdep"

# Each line of a block marked sh is one command. It has to succeed, or to end with the number in its last comment.
script="$folder/commands.sh"
n=0
{
    printf 'set -u\n'
    while IFS= read -r line; do
        wanted=$(sed -n 's/.*# exits with \([0-9]*\).*/\1/p' <<<"$line")
        printf '%s\n' "$line"
        printf 'status=$?; [ "$status" = %s ] || { echo "exit $status instead of %s:" %q >&2; exit 1; }\n' \
            "${wanted:-0}" "${wanted:-0}" "$line"
        n=$((n + 1))
    done < <(sed -n '/^```sh$/,/^```$/p' "$page" | grep -v '^```' | grep -v '^#')
    printf 'echo "the tutorial: %s commands end as the page says"\n' "$n"
} >"$script"
grep -q 'cargo lockdep test' "$script" || { echo "no command was found in $page" >&2; exit 1; }
cd "$folder"
# What the caller has set must not steer the commands.
env -u CARGO_TARGET_DIR -u LOCKDEP_DIR -u LOCKDEP_DENY PATH="$folder/bin:$PATH" bash "$script"
