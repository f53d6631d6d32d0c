#!/usr/bin/env bash
# What a call through Gatehouse costs, beside nginx doing the least that a proxy can do. One machine, one run, interleaved rounds:
#   direct     wrk → nginx with a canned chat completion of 1 KB
#   nginx      wrk → nginx proxy_pass → that upstream
#   gatehouse  wrk → Gatehouse (key check, route, price, ledger, traces; SQLite) → that upstream
# Usage: bench/gateway.sh [--rounds 3] [--seconds 10] [--connections "1 16 64"] [--workers 1] [--durability process] [--keep] [--install]
#   --workers N   worker processes of each nginx
#   --durability  what an answered call's record outlives: process, or power (answers wait for the disk)
#   --keep        leave the scratch directory (configurations, logs, ledger) and say where it is
#   --install     as root: apt-get install what is missing
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=3 seconds=10 connections="1 16 64" workers=1 durability=process keep=no install=no warmup=4
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --connections) connections=$2; shift ;;
    --workers) workers=$2; shift ;;
    --durability) durability=$2; shift ;;
    --keep) keep=yes ;;
    --install) install=yes ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 1 ;;
  esac
  shift
done

missing=()
for tool in nginx wrk curl; do
  command -v $tool >/dev/null || [ -x /usr/sbin/$tool ] || missing+=($tool)
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ $install = yes ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}. As root: apt-get install ${missing[*]}   (or run this script as root with --install)" >&2
    exit 3
  fi
fi
PATH=$PATH:/usr/sbin

scratch=$(mktemp -d)
chmod 755 "$scratch"
pids=()
finish() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ $keep = yes ]; then echo "Kept: $scratch" >&2; else rm -rf "$scratch"; fi
}
trap finish EXIT

free_port() { # asks the kernel's table of sockets, not a list of guesses
  local port
  for port in $(shuf -i 20000-32000 -n 200); do
    grep -qi ":$(printf '%04X' "$port") " /proc/net/tcp || { echo "$port"; return; }
  done
}
upstream_port=$(free_port) proxy_port=$(free_port) gatehouse_port=$(free_port)

# --- The three servers -------------------------------------------------------------------------------------------------------------
text="" # about 700 bytes of answer, so that head and JSON make 1 KB
for i in $(seq 1 14); do text+="This is sentence number $i of a canned chat answer. "; done
answer='{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench-model","choices":[{"index":0,"message":{"role":"assistant","content":"'$text'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":230,"completion_tokens":180,"total_tokens":410}}'

nginx_conf() { # name, the server block's inside, what stands beside the server block
  cat <<CONF
worker_processes $workers;
daemon off;
pid $scratch/$1.pid;
error_log $scratch/$1.log warn;
events { worker_connections 4096; multi_accept on; }
http {
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  tcp_nodelay on;
  client_body_temp_path $scratch/$1-body;
  proxy_temp_path $scratch/$1-proxy;
  fastcgi_temp_path $scratch/$1-fastcgi;
  scgi_temp_path $scratch/$1-scgi;
  uwsgi_temp_path $scratch/$1-uwsgi;
  $3
  server { $2 }
}
CONF
}
nginx_conf upstream "listen 127.0.0.1:$upstream_port;
    location = /v1/chat/completions { default_type application/json; return 200 '$answer'; }" "" > "$scratch/upstream.conf"
nginx_conf proxy "listen 127.0.0.1:$proxy_port;
    location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }" \
  "upstream up { server 127.0.0.1:$upstream_port; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }" > "$scratch/proxy.conf"

echo "Publishing Gatehouse …" >&2
runtime=()
[ "$(uname -m)" != x86_64 ] || runtime=(-r linux-x64 --self-contained false -p:PublishReadyToRun=true)
dotnet publish src/Gatehouse/Gatehouse.csproj -c Release -o out/bench "${runtime[@]}" --nologo -v quiet -clp:ErrorsOnly >&2

cat > "$scratch/gatehouse.yaml" <<CONF
server:
  data: $scratch/data
  durability: $durability
storage:
  sqlite: $scratch/data/gatehouse.db
providers:
  bench:
    kind: openai-compatible
    base_url: http://127.0.0.1:$upstream_port/v1
    api_key: bench-upstream-key
routes:
  bench:
    targets:
      - { provider: bench, model: bench-model }
prices:
  models:
    bench/bench-model: { input: 1.25, output: 10 }
CONF

start() { # name, command … — in the background, its pid remembered as <name>_pid
  local name=$1
  shift
  "$@" > "$scratch/$name.out" 2>&1 &
  pids+=($!)
  printf -v "${name}_pid" %s $!
}
start upstream nginx -c "$scratch/upstream.conf"
start proxy nginx -c "$scratch/proxy.conf"
started=$(date +%s%N)
start gatehouse out/bench/gatehouse up --config "$scratch/gatehouse.yaml" --address "127.0.0.1:$gatehouse_port"

await() { # name, address
  local i
  for i in $(seq 1 300); do
    ! curl -fs -o "$scratch/await" "$2" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "$1 did not start:" >&2
  tail -20 "$scratch/$1.out" "$scratch/$1.log" >&2 2>/dev/null || true
  exit 1
}
await upstream "http://127.0.0.1:$upstream_port/v1/chat/completions"
await proxy "http://127.0.0.1:$proxy_port/v1/chat/completions"
await gatehouse "http://127.0.0.1:$gatehouse_port/readyz"
await gatehouse "file://$scratch/data/sample-key"
ready_ms=$(( ($(date +%s%N) - started) / 1000000 ))

# --- The load ------------------------------------------------------------------------------------------------------------------------
question="" # a body of 1 KB, as the answer
for i in $(seq 1 16); do question+="This is sentence number $i of a question to a model. "; done
body='{"model":"bench","temperature":0.2,"messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"'$question'"}]}'
key=$(cat "$scratch/data/sample-key")
cat > "$scratch/load.lua" <<LUA
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.body = [==[$body]==]
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer $key"
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %.1f %d %d %d\n", summary.requests, summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99), e.status + e.read + e.write + e.timeout + e.connect))
end
LUA

declare -A address=([direct]=http://127.0.0.1:$upstream_port [nginx]=http://127.0.0.1:$proxy_port [gatehouse]=http://127.0.0.1:$gatehouse_port)
declare -A server=([direct]=$upstream_pid [nginx]=$proxy_pid [gatehouse]=$gatehouse_pid)

tree() { # a process and its children: nginx does its work in those
  echo "$1"
  cat /proc/"$1"/task/*/children 2>/dev/null || true
}
cpu_ticks() { local pid; for pid in $(tree "$1"); do sed 's/.*) //' "/proc/$pid/stat"; done | awk '{ t += $12 + $13 } END { print t }'; }
rss_mb() { local pid; for pid in $(tree "$1"); do grep VmRSS "/proc/$pid/status"; done | awk '{ k += $2 } END { printf "%.0f", k / 1024 }'; }
hertz=$(getconf CLK_TCK)

check() { # the answer is what it should be, to the last byte that matters
  local status
  status=$(curl -s -o "$scratch/answer" -w '%{http_code}' -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
    -d "$body" "${address[$1]}/v1/chat/completions")
  if [ "$status" != 200 ] || ! grep -q 'sentence number 14 of a canned chat answer' "$scratch/answer"; then
    echo "$1 answered $status: $(head -c 500 "$scratch/answer")" >&2
    exit 1
  fi
}
measure() { # variant, connections, seconds → requests, requests/s, p50 µs, p99 µs, CPU µs a request of that server, its memory in MB
  local before after result
  before=$(cpu_ticks "${server[$1]}")
  result=$(wrk -t1 -c"$2" -d"$3"s -s "$scratch/load.lua" --timeout 10s "${address[$1]}" | grep RESULT)
  after=$(cpu_ticks "${server[$1]}")
  set -- "$1" $result
  if [ "$7" != 0 ]; then
    echo "$1: $7 of $3 requests failed; the figures would mean nothing." >&2
    exit 1
  fi
  awk -v n="$3" -v rate="$4" -v p50="$5" -v p99="$6" -v ticks=$((after - before)) -v hz="$hertz" -v rss="$(rss_mb "${server[$1]}")" \
    'BEGIN { printf "%d %.0f %d %d %.1f %s\n", n, rate, p50, p99, ticks / hz * 1e6 / n, rss }'
}

idle_mb=$(rss_mb "$gatehouse_pid")
load=$(cut -d' ' -f1-3 /proc/loadavg)
for variant in direct nginx gatehouse; do check $variant; done
echo "Warming up …" >&2
: > "$scratch/results"
for variant in direct nginx gatehouse; do echo "0 0 $variant $(measure $variant 16 $warmup)" >> "$scratch/results"; done

for round in $(seq 1 "$rounds"); do
  for count in $connections; do
    for variant in direct nginx gatehouse; do
      echo "$round $count $variant $(measure $variant "$count" "$seconds")" | tee -a "$scratch/results" \
        | awk '{ printf "round %s, %3d connections, %-9s %7d/s  p50 %6d µs  p99 %6d µs  %6.1f µs CPU  %4d MB\n", $1, $2, $3, $5, $6, $7, $8, $9 }' >&2
    done
  done
done
for variant in direct nginx gatehouse; do check $variant; done

# Every call that wrk counted is in the ledger (those that it cut off at the end of a round come on top).
made=$(awk '$3 == "gatehouse" { n += $4 } END { print n }' "$scratch/results")
kept=0
for i in $(seq 1 100); do
  kept=$(curl -fs -H "Authorization: Bearer $(cat "$scratch/data/cli-token")" "${address[gatehouse]}/api/traffic" | sed 's/.*"total":{"calls":\([0-9]*\).*/\1/')
  [ "$kept" -lt "$made" ] || break
  sleep 0.1
done
if [ "$kept" -lt "$made" ]; then
  echo "The ledger holds $kept calls of at least $made." >&2
  exit 1
fi

# --- The figures ---------------------------------------------------------------------------------------------------------------------
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
column() { awk -v c="$1" -v v="$2" -v n="$3" '$2 == c && $3 == v { print $n }' "$scratch/results" | median; }
ratio() { # connections, column: Gatehouse over nginx, the median over the rounds of the ratio within a round
  awk -v c="$1" -v n="$2" '$2 == c && $3 == "nginx" { below[$1] = $n } $2 == c && $3 == "gatehouse" { above[$1] = $n }
    END { for (r in above) if (below[r] > 0) printf "%.3f\n", above[r] / below[r] }' "$scratch/results" | median
}

echo
echo "$(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), .NET $(dotnet --version), $(nginx -v 2>&1 | sed 's/.*: //'), worker_processes $workers"
echo "$rounds rounds of $seconds s, load average before: $load; Gatehouse: ready in $ready_ms ms, $idle_mb MB idle; $kept calls in the ledger, $made counted by wrk"
echo
echo "| connections | requests/s, of nginx's | p50, of nginx's | p99, of nginx's | CPU a request, of nginx's |"
echo "| ---: | ---: | ---: | ---: | ---: |"
for count in $connections; do
  printf '| %d | **%.2f** | %.2f | %.2f | %.2f |\n' "$count" "$(ratio "$count" 5)" "$(ratio "$count" 6)" "$(ratio "$count" 7)" "$(ratio "$count" 8)"
done
echo
echo "| connections | variant | requests/s | p50 µs | p99 µs | CPU µs a request | memory MB |"
echo "| ---: | --- | ---: | ---: | ---: | ---: | ---: |"
for count in $connections; do
  for variant in direct nginx gatehouse; do
    printf '| %d | %s | %.0f | %.0f | %.0f | %.1f | %.0f |\n' "$count" "$variant" "$(column "$count" $variant 5)" "$(column "$count" $variant 6)" \
      "$(column "$count" $variant 7)" "$(column "$count" $variant 8)" "$(column "$count" $variant 9)"
  done
done
