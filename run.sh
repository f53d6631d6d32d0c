#!/usr/bin/env bash
# Installs what is missing, builds, and starts Gatehouse on 127.0.0.1:8080. Flags pass through to `gatehouse up`.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")"
. scripts/packages.sh
. scripts/publish.sh

need_dotnet
need_packages libsqlite3-0 curl
need_node

# Nothing newer than the last publish: start at once.
if [ ! -x out/gatehouse ] || [ -n "$(find src samples Directory.Build.props Directory.Packages.props -newer out/gatehouse \
    -type f -not -path '*/obj/*' -not -path '*/bin/*' -not -path '*/node_modules/*' -not -path '*/wwwroot/lib/*' -print -quit)" ]; then
  echo "Building Gatehouse (one or two minutes the first time) …"
  publish out
  touch out/gatehouse
fi

# Data and configuration are looked for here, beside this script; what the caller names is looked for where they stand.
absolute() { case $1 in ''|/*) printf %s "$1" ;; *) printf %s "$caller/$1" ;; esac; }
[ -z "${GATEHOUSE_CONFIG:-}" ] || GATEHOUSE_CONFIG=$(absolute "$GATEHOUSE_CONFIG")
[ -z "${GATEHOUSE_DATA:-}" ] || GATEHOUSE_DATA=$(absolute "$GATEHOUSE_DATA")
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --config|--data) arguments+=("$1"); [ $# -lt 2 ] || { shift; arguments+=("$(absolute "$1")"); } ;;
    --config=*|--data=*) arguments+=("${1%%=*}=$(absolute "${1#*=}")") ;;
    --config:*|--data:*) arguments+=("${1%%:*}:$(absolute "${1#*:}")") ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

exec out/gatehouse up "${arguments[@]}"
