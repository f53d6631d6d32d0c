#!/usr/bin/env bash
# Installs what the tests need, starts a private PostgreSQL, runs every test and ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
. scripts/packages.sh
. scripts/publish.sh

need_dotnet
need_packages libsqlite3-0 curl procps postgresql nginx fonts-dejavu-core
need_chromium
need_node

scratch=$(mktemp -d)
chmod 755 "$scratch"
pg_bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as_pg() { if [ "$(id -u)" = 0 ]; then (cd "$scratch" && runuser -u postgres -- "$@"); else "$@"; fi; }
beside=
compiler=gatehouse-tests-$$
end_compiler() { pkill -f -- "-pipename:$compiler" || true; }
finish() {
  end_compiler
  [ -z "$beside" ] || { kill -- -"$beside" && wait "$beside"; } 2>/dev/null || true
  [ ! -f "$scratch/pg/data/postmaster.pid" ] || as_pg "$pg_bin/pg_ctl" -D "$scratch/pg/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap finish EXIT

mkdir "$scratch/pg"
[ "$(id -u)" != 0 ] || chown postgres "$scratch/pg"
# A password of this run: everybody on this machine reaches a TCP port.
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
(umask 077 && printf '%s\n' "$password" > "$scratch/pg/password")
[ "$(id -u)" != 0 ] || chown postgres "$scratch/pg/password"
as_pg "$pg_bin/initdb" -D "$scratch/pg/data" -U gatehouse -A scram-sha-256 --pwfile="$scratch/pg/password" \
  --locale=C.UTF-8 -E UTF8 --no-sync --no-instructions >/dev/null
rm "$scratch/pg/password"
started=no
for port in 54331 54332 54333 54334 54335; do
  as_pg tee "$scratch/pg/data/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 200
CONF
  if as_pg "$pg_bin/pg_ctl" -D "$scratch/pg/data" -l "$scratch/pg/log" -w start >/dev/null; then started=yes; break; fi
done
if [ $started = no ]; then
  echo "PostgreSQL did not start:" >&2
  tail -20 "$scratch/pg/log" >&2
  exit 1
fi
export GATEHOUSE_TEST_POSTGRES="Host=127.0.0.1;Port=$port;Username=gatehouse;Password=$password;Database=postgres"

echo "Building …"
# One compiler for all projects, also where the environment would have one each: a third less time. It would stay for ten minutes.
dotnet build Gatehouse.slnx -c Release --nologo -v quiet -clp:ErrorsOnly -p:UseSharedCompilation=true -p:SharedCompilationId="$compiler"
end_compiler
publish "$scratch/gatehouse"
export GATEHOUSE_EXECUTABLE="$scratch/gatehouse/gatehouse"

clients=tests/Gatehouse.EndToEnd.Tests/clients
if [ -f $clients/package-lock.json ] && [ ! $clients/node_modules/.package-lock.json -nt $clients/package-lock.json ]; then
  (cd $clients && npm ci --ignore-scripts --silent)
fi

echo "Testing …"
passed=0 failed=0
module() {
  ended=0
  "tests/$1/bin/Release/net10.0/$1" --no-progress --no-ansi 2>&1 | tee "$scratch/$1.log" || ended=1
  echo $ended > "$scratch/$1.status"
}
add() {
  # A crash, a module that ran nothing, or a skipped test is a failure, whatever was counted.
  counts=($(sed -nE '/^Test run summary/,$s/^ *(failed|succeeded|skipped): *([0-9]+).*/\2/p' "$scratch/$1.log"))
  failed=$((failed + ${counts[0]:-0})) passed=$((passed + ${counts[1]:-0}))
  if [ "$(cat "$scratch/$1.status")" != 0 ] && [ "${counts[0]:-0}" = 0 ] || [ "${counts[1]:-0}" = 0 ] || [ "${counts[2]:-1}" != 0 ]; then
    failed=$((failed + 1))
  fi
}
# The one that takes longest beside the other two; last the one that waits for nothing, and uses all there is.
set -m # a group of its own, to be ended as one when this ends early
module Gatehouse.EndToEnd.Tests </dev/null &
beside=$!
set +m
module Gatehouse.Tests
module Gatehouse.Gateway.Tests
wait
beside=
add Gatehouse.EndToEnd.Tests
add Gatehouse.Gateway.Tests
add Gatehouse.Tests
status=0
[ $failed = 0 ] || status=1
echo "$passed passed, $failed failed"
exit $status
