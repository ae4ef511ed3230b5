#!/usr/bin/env bash
# usage: pack.sh TARGET  builds cargo-lockdep for one target and packs it into dist/, as `cargo binstall` expects it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$1
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name="cargo-lockdep-$version-$target"
profile="${PACK_PROFILE:-release}"
cargo build --locked --package cargo-lockdep --profile "$profile" --target "$target"
folder=$([ "$profile" = dev ] && echo debug || echo "$profile")
mkdir -p "dist/$name"
cp "${CARGO_TARGET_DIR:-target}/$target/$folder/cargo-lockdep" LICENSE-MIT LICENSE-APACHE "dist/$name/"
cp instrument/cargo-lockdep/README.md "dist/$name/"
"dist/$name/cargo-lockdep" completions bash >"dist/$name/cargo-lockdep.bash" || echo "the binary does not run here"
"dist/$name/cargo-lockdep" man --output "dist/$name/man" || echo "the binary does not run here"
tar czf "dist/$name.tar.gz" -C dist "$name"
rm -rf "dist/${name:?}"
cd dist
if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
"${sum[@]}" "$name.tar.gz" >"$name.tar.gz.sha256"
ls -l "$name.tar.gz" "$name.tar.gz.sha256"
