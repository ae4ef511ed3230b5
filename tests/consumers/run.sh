#!/usr/bin/env bash
# Has real consumers read the interchange formats: sarif (JSON schema, sarif-tools), junit (junitparser), rustc (cargo_metadata,
# rust-analyzer), dot (graphviz), html (axe-core in chromium). Needs python3 with venv, cargo, npm, and the network once; what is
# missing is skipped and named.
# Not part of CI: the formats themselves are held by snapshots there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
scratch="${CARGO_TARGET_DIR:-$root/target}/consumers"
snapshots="$root/instrument/cargo-lockdep/src/render/snapshots/cargo_lockdep__render__tests__"
mkdir -p "$scratch/probe/src"

# A package of its own brings the official schema (serde-sarif carries it) and reads cargo's messages.
cat > "$scratch/probe/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"

[dependencies]
cargo_metadata = "0.23"
serde-sarif = "0.8"

[workspace]
TOML
cat > "$scratch/probe/src/main.rs" <<'RUST'
//! Reads cargo's messages as an editor does.
use cargo_metadata::Message;

fn main() {
    let mut n_spans = 0;
    for message in Message::parse_stream(std::io::stdin().lock()) {
        let message = match message.expect("readable") {
            Message::CompilerMessage(message) => message,
            Message::BuildFinished(_) => continue,
            other => panic!("not expected: {other:?}"),
        };
        assert!(message.message.code.is_some_and(|code| code.code.starts_with("LD")));
        n_spans += message.message.spans.len();
    }
    assert!(n_spans >= 2, "both lock sites are underlined");
    println!("rustc: cargo_metadata reads it, {n_spans} places");
}
RUST
body() { awk 'n == 2 { print } /^---$/ { n++ }' "$snapshots$1.snap"; }

if cargo fetch --quiet --manifest-path "$scratch/probe/Cargo.toml"; then
    body rustc | cargo run --quiet --manifest-path "$scratch/probe/Cargo.toml" --target-dir "$scratch/target"
    schema="$(cargo metadata --format-version 1 --offline --manifest-path "$scratch/probe/Cargo.toml" \
        | python3 -c 'import json,sys,os; p=[p for p in json.load(sys.stdin)["packages"] if p["name"]=="serde-sarif"][0]; print(os.path.join(os.path.dirname(p["manifest_path"]), "src/schema.json"))')"
    if python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" --quiet install jsonschema junitparser sarif-tools; then
        "$scratch/venv/bin/python" "$here/check.py" "$schema"
    else
        echo "skipped: sarif and junit (no python3 with venv, or no network)"
    fi
else
    echo "skipped: rustc, sarif and junit (crates cannot be fetched)"
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
