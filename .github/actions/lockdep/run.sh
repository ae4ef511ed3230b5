#!/usr/bin/env bash
# Runs the watched command. The command line annotates the pull request and writes the step summary by itself.
set -euo pipefail

records="${RUNNER_TEMP:-/tmp}/lockdep-records-$$"
mkdir -p "$records"
printf 'records=%s\n' "$records" >>"${GITHUB_OUTPUT:-/dev/null}"
read -ra words <<<"${INPUT_COMMAND:-test}"
LOCKDEP_DIR="$records" exec cargo-lockdep lockdep "${words[@]}"
