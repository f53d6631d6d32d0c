#!/usr/bin/env bash
# PostgreSQL is stopped under load, and started again: what calls feel of it, and whether the ledger has each of them once.
# It starts a PostgreSQL and a Gatehouse of its own. Calls leave at fixed moments (bench/Gatehouse.Load), so a stall shows.
# Usage: bench/outage.sh [--seconds 60] [--rate 500]
#   --seconds N  how long the server is away; before and after are measured for half of that each
#   --rate N     calls a second
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60 rate=500
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift ;;
    --rate) rate=$2; shift ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 1 ;;
  esac
  shift
done

load=$(echo bench/Gatehouse.Load/bin/Release/net*/Gatehouse.Load)
[ -n "${GATEHOUSE_EXECUTABLE:-}" ] || dotnet build src/Gatehouse -c Release --nologo -v quiet -clp:ErrorsOnly
if [ -z "${GATEHOUSE_EXECUTABLE:-}" ] || [ ! -x "$load" ]; then
  dotnet build bench/Gatehouse.Load -c Release --nologo -v quiet -clp:ErrorsOnly
  load=$(echo bench/Gatehouse.Load/bin/Release/net*/Gatehouse.Load)
fi
server=${GATEHOUSE_EXECUTABLE:-$(echo src/Gatehouse/bin/Release/net*/gatehouse)}
server=$(realpath "$server")

scratch=$(mktemp -d) pid=
chmod 755 "$scratch"
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as_pg() { if [ "$(id -u)" = 0 ]; then (cd "$scratch" && runuser -u postgres -- "$@"); else "$@"; fi; }
pg() { as_pg "$pg_bin/pg_ctl" -D "$scratch/pg/data" -w "$@" >/dev/null; }
finish() {
  [ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }
  [ ! -f "$scratch/pg/data/postmaster.pid" ] || pg -m immediate stop || true
  rm -rf "$scratch"
}
trap finish EXIT

mkdir "$scratch/pg"
[ "$(id -u)" != 0 ] || chown postgres "$scratch/pg"
as_pg "$pg_bin/initdb" -D "$scratch/pg/data" -U gatehouse -A trust --no-sync --no-instructions >/dev/null
pg_port=$((20000 + RANDOM % 10000))
start_pg() { pg -l "$scratch/pg/data/log" -o "-c listen_addresses=127.0.0.1 -c port=$pg_port -c unix_socket_directories=" start; }
start_pg

cat >"$scratch/gatehouse.yaml" <<YAML
storage: { postgres: "Host=127.0.0.1;Port=$pg_port;Username=gatehouse;Database=postgres;Timeout=3" }
providers: { simulator: { kind: simulator } }
routes: { simulator: { targets: [{ provider: simulator, model: simulator }] } }
prices: { models: { "simulator/simulator": { input: 1.25, output: 10 } } }
YAML
port=$((30000 + RANDOM % 10000))
(cd "$scratch" && exec "$server" up --address "127.0.0.1:$port" --log-level warning) >"$scratch/out" 2>&1 &
pid=$!
for _ in $(seq 1 300); do [ ! -s "$scratch/data/sample-key" ] || break; sleep 0.1; done
key=$(cat "$scratch/data/sample-key") || { cat "$scratch/out" >&2; exit 1; }
sleep 1
echo '{"model": "simulator", "max_tokens": 20, "messages": [{"role": "user", "content": "How are you?"}]}' >"$scratch/body"
psql() { as_pg "$pg_bin/psql" -h 127.0.0.1 -p "$pg_port" -U gatehouse -At postgres -c "$1"; }
run() { # name, seconds
  "$load" open "http://127.0.0.1:$port/v1/chat/completions" "$key" "$scratch/body" "$rate" "$2" 32 >"$scratch/$1"
  awk -v name="$1" '{printf "%-7s %7d calls, %d failed, p50 %7.2f ms, p99 %7.2f ms, p99.9 %7.2f ms, longest %7.2f ms\n", name, $2, $3, $4/1000, $5/1000, $6/1000, $7/1000}' "$scratch/$1"
}

run warm-up 10 >/dev/null
run before $((seconds / 2))
pg -m immediate stop
run away "$seconds"
start_pg
run after $((seconds / 2))

calls=$(awk '{n += $2} END {print n}' "$scratch"/{warm-up,before,away,after})
for _ in $(seq 1 600); do [ "$(psql 'SELECT COUNT(*) FROM observability_ledger')" -lt "$calls" ] || break; sleep 0.1; done
echo "ledger: $(psql 'SELECT COUNT(*) FROM observability_ledger') of $calls calls, $(psql 'SELECT COUNT(DISTINCT id) FROM observability_ledger') of them different"
(cd "$scratch" && "$server" doctor --ledger) || exit 1
