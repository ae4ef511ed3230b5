#!/usr/bin/env bash
# The bench suite in one command: builds every peer, drives them interleaved, prints one table.
# Arguments go to the driver: --dev, --quick, --repetitions N, --peers A,B, --only ROW, --facade.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/driver"
env -u CARGO_TARGET_DIR cargo run --quiet --release --target-dir ../target -- "$@"
