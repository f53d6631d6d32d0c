#!/usr/bin/env bash
# Whether memory grows: a steady mix of calls for minutes or hours, and the slope of the server's resident memory over them.
#   chat 6 parts, streams 2, another wire format (messages) 1, calls that are refused 1
# The provider is the built-in simulator, so everything that is measured is one process: key check, routing, translation, ledger, traces.
# Usage: bench/soak.sh [--minutes 60] [--rate 500]
#   --minutes N  how long; the first third warms up and is not part of the slope
#   --rate N     calls a second, all kinds together
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=60 rate=500
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=$2; shift ;;
    --rate) rate=$2; shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 1 ;;
  esac
  shift
done

dotnet build src/Gatehouse -c Release --nologo -v quiet -clp:ErrorsOnly
dotnet build bench/Gatehouse.Load -c Release --nologo -v quiet -clp:ErrorsOnly
load=$(echo bench/Gatehouse.Load/bin/Release/net*/Gatehouse.Load)
server=$(echo src/Gatehouse/bin/Release/net*/gatehouse)

scratch=$(mktemp -d) pids=()
stop() { kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$scratch"; }
trap stop EXIT

port=$((20000 + RANDOM % 20000))
"$server" up --data "$scratch/data" --address "127.0.0.1:$port" >"$scratch/out" 2>&1 &
pids+=($!) pid=$!
for _ in $(seq 1 300); do [ ! -s "$scratch/data/sample-key" ] || break; sleep 0.1; done
key=$(cat "$scratch/data/sample-key") || { cat "$scratch/out" >&2; exit 1; }

text='"messages": [{"role": "user", "content": "How are you?"}]'
echo "{\"model\": \"simulator\", \"max_tokens\": 20, $text}" >"$scratch/chat"
echo "{\"model\": \"simulator\", \"max_tokens\": 20, \"stream\": true, $text}" >"$scratch/stream"
echo "{\"model\": \"simulator\", \"max_tokens\": 20, $text}" >"$scratch/messages"
echo "{\"model\": \"nobody-knows-this\", $text}" >"$scratch/refused"
run() { # file, path, parts of ten, connections
  "$load" open "http://127.0.0.1:$port$2" "$key" "$scratch/$1" $((rate * $3 / 10)) $((minutes * 60)) "$4" >"$scratch/$1.result" &
  pids+=($!)
}
run chat /v1/chat/completions 6 8
run stream /v1/chat/completions 2 16
run messages /v1/messages 1 4
run refused /v1/chat/completions 1 2

for second in $(seq 0 5 $((minutes * 60))); do
  echo "$second $(awk '/^VmRSS/ {print $2 / 1024}' "/proc/$pid/status")" >>"$scratch/memory"
  sleep 5
done
wait "${pids[@]:1}"

cat "$scratch"/*.result | awk '{calls += $2; failed += $3} END {printf "calls %d, of them refused or failed %d\n", calls, failed}'
awk -v minutes="$minutes" '
  $1 >= minutes * 20 { n++; x += $1; y += $2; xx += $1 * $1; xy += $1 * $2; if (min == "" || $2 < min) min = $2; if ($2 > max) max = $2 }
  END { printf "memory %.0f to %.0f MB, slope %.1f MB an hour (%d samples)\n", min, max, 3600 * (n * xy - x * y) / (n * xx - x * x), n }
' "$scratch/memory"
