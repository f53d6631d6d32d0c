# Sourced by run.sh and test.sh: finds what the machine lacks and installs it, or says how to.

# need_dotnet — the .NET 10 SDK is the one thing a person brings.
need_dotnet() {
  if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "Gatehouse needs the .NET 10 SDK and does not find it. Install it (package dotnet-sdk-10.0, or Microsoft's installer) and run this again." >&2
    exit 3
  fi
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
  # An executable looks for the runtime where installers put it; the SDK may lie elsewhere, and be found by PATH alone.
  local line
  while read -r line; do
    if [[ $line =~ ^Microsoft\.NETCore\.App\ 10\..*\ \[(.*)/shared/ ]]; then
      export DOTNET_ROOT=${DOTNET_ROOT:-${BASH_REMATCH[1]}}
    fi
  done < <(dotnet --list-runtimes)
}

# need_packages NAME… — installs the Debian packages that are missing, as root or by sudo.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing: ${missing[*]}" >&2
      echo "Neither root nor sudo is at hand. Ask an administrator for:  apt-get install ${missing[*]}" >&2
      exit 3
    fi
    as_root=(sudo)
  fi

  echo "Installing ${missing[*]} …"
  "${as_root[@]}" apt-get update -qq
  # Debian's package would start a cluster of its own on the usual port; the tests bring a private one. Only for as long as it takes.
  local settings=/etc/postgresql-common/createcluster.d clusterless=no status=0
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    clusterless=yes
    "${as_root[@]}" mkdir -p "$settings"
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$settings/gatehouse-tests.conf" >/dev/null
  fi
  # Nor should a package start its service: Debian asks this file, and 101 is no.
  local policy=/usr/sbin/policy-rc.d quiet=no
  if [ ! -e $policy ]; then
    quiet=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || status=$?
  [ $quiet = no ] || "${as_root[@]}" rm -f $policy
  [ $clusterless = no ] || "${as_root[@]}" rm -f "$settings/gatehouse-tests.conf"
  if [ $status != 0 ]; then
    echo "apt-get could not install ${missing[*]}; what it said stands above." >&2
    exit 3
  fi
}

# has_node — node 18 or newer, with npm.
has_node() {
  command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]
}

# need_node — any node of version 18 or newer will do; the system's is installed when there is none.
need_node() {
  has_node && return 0
  need_packages nodejs npm
  hash -r
  has_node && return 0
  echo "Gatehouse needs node 18 or newer with npm. This system's packages bring $(node --version 2>/dev/null || echo 'none that runs')$(
    command -v npm >/dev/null || echo ' and no npm')." >&2
  echo "Install a newer one from https://nodejs.org, put it first in PATH, and run this again." >&2
  exit 3
}

# find_chromium — sets GATEHOUSE_CHROMIUM to a browser that runs: the one it names already, or the first that is installed.
find_chromium() {
  local candidate
  if [ -n "${GATEHOUSE_CHROMIUM:-}" ]; then
    "$GATEHOUSE_CHROMIUM" --version >/dev/null 2>&1 && return 0
    echo "GATEHOUSE_CHROMIUM names '$GATEHOUSE_CHROMIUM', which does not run." >&2
    exit 3
  fi
  for candidate in chromium google-chrome google-chrome-stable chromium-browser; do
    candidate=$(command -v "$candidate") || continue
    # Ubuntu's chromium-browser is a script that asks for a snap.
    "$candidate" --version >/dev/null 2>&1 || continue
    export GATEHOUSE_CHROMIUM=$candidate
    return 0
  done
  return 1
}

# need_chromium — Debian's package, or any Chromium or Chrome. Ubuntu's package is an empty shell around a snap.
need_chromium() {
  find_chromium && return 0
  if ! grep -q '^ID=ubuntu' "${OS_RELEASE:-/etc/os-release}"; then
    need_packages chromium
    hash -r
    find_chromium && return 0
  fi
  echo "The tests need Chromium or Chrome and find none that runs. On Ubuntu the package 'chromium-browser' is only a stub for a snap:" >&2
  echo "install Google Chrome's .deb, or a Chromium of your own, and name it:  GATEHOUSE_CHROMIUM=/path/to/chrome ./test.sh" >&2
  exit 3
}
