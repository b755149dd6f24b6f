#!/usr/bin/env bash
# Ten minutes (or so many seconds) of schemathesis against the API that `covergen serve` answers: by its own
# description single requests first, then chains of them. No answer may be a 5xx. Run by `make fuzz`.
set -euo pipefail
budget=${1:-600} port=${2:-18811} venv=.venv-fuzz
say() { printf '%s\n' "$*" >&2; }

# In an environment of its own: it wants other versions of what the service stands on.
[ -x $venv/bin/schemathesis ] || {
  say "Installing schemathesis in $venv"
  python3 -m venv $venv
  $venv/bin/python -m pip install --quiet --disable-pip-version-check schemathesis==4.32.5
}

root=$(mktemp -d)
.venv/bin/covergen serve "$root" --port "$port" >"$root.log" 2>&1 &
service=$!
trap 'kill $service 2>/dev/null || true; wait $service 2>/dev/null || true; rm -rf "$root" "$root.log"' EXIT
base=http://127.0.0.1:$port
for _ in $(seq 240); do
  curl --silent --fail --max-time 120 $base/readyz >/dev/null && break
  kill -0 $service || { cat "$root.log" >&2; exit 2; }
  sleep 0.5
done

memory() { awk '/VmRSS/ {print int($2 / 1024)}' /proc/$service/status; }
# Streams of events end with their request, which may be long: the suite reads them.
told=(--checks not_a_server_error --exclude-path-regex events --request-timeout 120 --warnings off)
half=$((budget / 2)) before=$(memory)
$venv/bin/schemathesis run $base/openapi.json "${told[@]}" --max-time $half --max-examples 10000
$venv/bin/schemathesis fuzz $base/openapi.json "${told[@]}" --max-time $half
curl --silent --fail $base/healthz >/dev/null || { say "The service does not answer any more"; exit 1; }
say "The service still answers; its memory was $before MB and is $(memory) MB"
