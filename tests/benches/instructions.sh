#!/usr/bin/env bash
# Counts the instructions of the main paths under callgrind: `check` (default) compares with the record, `bless` writes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/instructions"
env -u CARGO_TARGET_DIR cargo run --quiet --release --target-dir ../target -- "${1:-check}"
