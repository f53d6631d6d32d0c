#!/usr/bin/env bash
# Installs what is missing, builds, and starts Gatehouse on 127.0.0.1:8080. Flags pass through to `gatehouse up`.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/packages.sh

need_dotnet
need_packages libsqlite3-0 curl
need_node

# Nothing newer than the last publish: start at once.
if [ ! -x out/gatehouse ] || [ -n "$(find src samples Directory.Build.props Directory.Packages.props -newer out/gatehouse \
    -type f -not -path '*/obj/*' -not -path '*/bin/*' -not -path '*/node_modules/*' -not -path '*/wwwroot/lib/*' -print -quit)" ]; then
  echo "Building Gatehouse (about a minute the first time) …"
  ready_to_run=()
  # Compiled ahead of time it starts twice as fast; other processors compile at start.
  [ "$(uname -m)" = x86_64 ] && ready_to_run=(-r linux-x64 --self-contained false -p:PublishReadyToRun=true)
  dotnet publish src/Gatehouse/Gatehouse.csproj -c Release -o out "${ready_to_run[@]}" --nologo -v quiet -clp:ErrorsOnly
  touch out/gatehouse
fi

exec out/gatehouse up "$@"
