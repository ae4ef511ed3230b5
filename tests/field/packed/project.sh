#!/usr/bin/env bash
# What a person does in a project of their own, once `cargo-lockdep` is on PATH: `init`, `test`, the steps of the CI
# action, the page in a browser. Everything is written below the folder that is the argument. Needs no network.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
folder=$1

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'project: %s\n' "$*" >&2; exit 1; }
# Runs a command, whose output goes to the file `said`, and wants this exit code.
ends_with() {
    local wanted=$1 code=0
    shift
    "$@" >"$folder/said" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "'$*' ended with $code instead of $wanted: $(tail -n 40 "$folder/said")"
}

say "a project"
cargo new --quiet --lib --vcs none "$folder/mine"
cd "$folder/mine"
cat >src/lib.rs <<'RUST'
use std::sync::Mutex;
static A: Mutex<u8> = Mutex::new(0);
static B: Mutex<u8> = Mutex::new(0);
#[test]
fn one_way() { let _a = A.lock().unwrap(); let _b = B.lock().unwrap(); }
#[test]
fn the_other_way() { let _b = B.lock().unwrap(); let _a = A.lock().unwrap(); }
RUST
ends_with 0 cargo lockdep init
[ -f .config/lockdep.toml ] || fail "init wrote no file"
ends_with 3 cargo lockdep test --lib -- --test-threads=1
grep -q '^error\[LD0003\]' "$folder/said" || fail "the inversion was not reported: $(cat "$folder/said")"
tail -n 1 "$folder/said"

say "the steps of the CI action"
steps="$root/.github/actions/lockdep"
mkdir "$folder/runner"
export GITHUB_ACTIONS=true RUNNER_TEMP="$folder/runner" GITHUB_OUTPUT="$folder/outputs" CARGO_LOCKDEP_PROFILE=ci
export GITHUB_STEP_SUMMARY="$folder/summary.md"
# Installed it is already, so the first step has nothing to do.
ends_with 0 bash "$steps/install.sh"
INPUT_COMMAND="test --lib -- --test-threads=1" ends_with 3 bash "$steps/run.sh"
grep -q '^::error file=src/lib.rs' "$folder/said" || fail "no annotation: $(cat "$folder/said")"
grep -q '| error | LD0003 |' "$folder/summary.md" || fail "the summary lacks the report"
records=$(sed -n 's/^records=//p' "$folder/outputs")
RECORDS=$records INPUT_SARIF=lockdep.sarif ends_with 0 bash "$steps/report.sh"
grep -q '"ruleId": *"LD0003"' lockdep.sarif || fail "the SARIF file lacks the report"
unset GITHUB_ACTIONS GITHUB_OUTPUT GITHUB_STEP_SUMMARY RUNNER_TEMP CARGO_LOCKDEP_PROFILE
printf 'annotation, summary, records and SARIF are there\n'

say "the page"
browser=""
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then browser=$name; break; fi
done
# BROWSER is what `--open` starts: a browser without a window, which takes a picture and prints what it shows.
cat >"$folder/browser" <<SH
#!/usr/bin/env bash
exec "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --window-size=1280,900 \
    --screenshot="$folder/page.png" --dump-dom "file://\$1" >"$folder/shown.part" 2>"$folder/browser.log"
SH
chmod +x "$folder/browser"
BROWSER="$folder/browser" ends_with 3 cargo lockdep report --open "$records"
[ -s "$records/report.html" ] || fail "no page was written"
if [ -z "$browser" ]; then
    printf 'no browser is installed, so the page was written and not shown\n'
else
    # `--open` does not wait for the browser.
    for _ in $(seq 300); do
        if [ -s "$folder/page.png" ] && grep -q '</html>' "$folder/shown.part"; then break; fi
        sleep 0.1
    done
    grep -q 'LD0003' "$folder/shown.part" || fail "the browser shows no LD0003: $(tail -n 5 "$folder/browser.log")"
    [ -s "$folder/page.png" ] || fail "the browser took no picture"
    printf 'the browser shows LD0003\n'
fi
say "the project is done"
