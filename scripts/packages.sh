# Sourced by run.sh and test.sh: finds what the machine lacks and installs it, or says how to.

# need_dotnet — the .NET 10 SDK is the one thing a person brings.
need_dotnet() {
  if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "Gatehouse needs the .NET 10 SDK and does not find it. Install it (package dotnet-sdk-10.0, or Microsoft's installer) and run this again." >&2
    exit 3
  fi
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
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
  # Debian's package would start a cluster of its own on the usual port; the tests bring a private one.
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
}

# need_node — any node of version 18 or newer will do; Debian's is installed when there is none.
need_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 18 ]; then
    need_packages nodejs npm
  fi
}
