#!/usr/bin/env bash
# What a call through Gatehouse costs, beside nginx doing the least that a proxy can do. One machine, one run, interleaved rounds:
#   direct     load → nginx with a canned chat completion of 1 KB
#   nginx      load → nginx proxy_pass → that upstream
#   gatehouse  load → Gatehouse (key check, route, price, ledger, traces; SQLite) → that upstream
# Usage: bench/gateway.sh [--only "connections bodies features translate open streams peer"] [--rounds 3] [--seconds 10]
#                         [--connections "1 16 64"] [--workers 1] [--durability process] [--keep] [--install]
#   --only S      these scenarios, in any number:
#     connections   requests/s and CPU with 1, 16 and 64 connections, 1 KB bodies
#     bodies        the same with 16 connections and bodies of 1 KB, 16 KB and 1 MB
#     features      the same with 16 connections: Gatehouse as it comes, and with a budget, limits and stored content
#     translate     the same with 16 connections: a provider that speaks another wire format
#     open          latency at 1,000 and 3,000 requests/s, sent at fixed moments
#     streams       200 slow streams at once: time to the first byte, CPU a chunk
#     peer          the same as connections with 16, beside Portkey's gateway from npm (pinned in bench/portkey)
#   --workers N   worker processes of each nginx
#   --durability  what an answered call's record outlives: process, or power (answers wait for the disk)
#   --keep        leave the scratch directory (configurations, logs, ledger) and say where it is
#   --install     as root: apt-get install what is missing
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=3 seconds=10 connections="1 16 64" workers=1 durability=process keep=no install=no warmup=4
scenarios="connections bodies features translate open streams peer"
while [ $# -gt 0 ]; do
  case $1 in
    --only) scenarios=$2; shift ;;
    --rounds) rounds=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --connections) connections=$2; shift ;;
    --workers) workers=$2; shift ;;
    --durability) durability=$2; shift ;;
    --keep) keep=yes ;;
    --install) install=yes ;;
    *) sed -n '2,21s/^# \{0,1\}//p' "$0"; exit 1 ;;
  esac
  shift
done

wants() { case " $scenarios " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

missing=()
tools=(nginx wrk curl)
! wants peer || tools+=(node npm)
for tool in "${tools[@]}"; do
  command -v "$tool" >/dev/null || [ -x "/usr/sbin/$tool" ] || missing+=("$tool")
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
upstream_port=$(free_port) stream_port=$(free_port) proxy_port=$(free_port) proxy_stream_port=$(free_port)
gatehouse_port=$(free_port) full_port=$(free_port) portkey_port=$(free_port)

# --- The servers -------------------------------------------------------------------------------------------------------------------
text="" # about 700 bytes of answer, so that head and JSON make 1 KB
for i in $(seq 1 14); do text+="This is sentence number $i of a canned chat answer. "; done
answer='{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"bench-model","choices":[{"index":0,"message":{"role":"assistant","content":"'$text'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":230,"completion_tokens":180,"total_tokens":410}}'
translated='{"id":"msg_bench","type":"message","role":"assistant","model":"bench-model","content":[{"type":"text","text":"'$text'"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":230,"output_tokens":180}}'

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
  client_max_body_size 8m;
  client_body_buffer_size 2m;
  client_body_temp_path $scratch/$1-body;
  proxy_temp_path $scratch/$1-proxy;
  fastcgi_temp_path $scratch/$1-fastcgi;
  scgi_temp_path $scratch/$1-scgi;
  uwsgi_temp_path $scratch/$1-uwsgi;
  $3
  $2
}
CONF
}
nginx_conf upstream "server { listen 127.0.0.1:$upstream_port;
    location = /v1/chat/completions { default_type application/json; return 200 '$answer'; }
    location = /v1/messages { default_type application/json; return 200 '$translated'; } }" "" > "$scratch/upstream.conf"
proxied() { echo "location / { proxy_pass http://$1; proxy_http_version 1.1; proxy_set_header Connection \"\"; $2 }"; }
pool() { echo "upstream $1 { server 127.0.0.1:$2; keepalive 256; keepalive_requests 100000000; keepalive_timeout 300s; }"; }
nginx_conf proxy "server { listen 127.0.0.1:$proxy_port; $(proxied up "") }
  server { listen 127.0.0.1:$proxy_stream_port; $(proxied slow "proxy_buffering off;") }" \
  "$(pool up "$upstream_port") $(pool slow "$stream_port")" > "$scratch/proxy.conf"

echo "Publishing Gatehouse …" >&2
. scripts/publish.sh
publish out/bench >&2
if wants open || wants streams; then
  dotnet publish bench/Gatehouse.Load/Gatehouse.Load.csproj -c Release -o out/bench-load --nologo -v quiet -clp:ErrorsOnly >&2
fi
! wants peer || (cd bench/portkey && npm ci --ignore-scripts --silent) >&2

for name in gatehouse full; do
  cat > "$scratch/$name.yaml" <<CONF
server:
  data: $scratch/$name
  durability: $durability
storage:
  sqlite: $scratch/$name/gatehouse.db
providers:
  bench: { kind: openai-compatible, base_url: "http://127.0.0.1:$upstream_port/v1", api_key: bench-upstream-key }
  other: { kind: anthropic, base_url: "http://127.0.0.1:$upstream_port/v1", api_key: bench-upstream-key }
  slow: { kind: openai-compatible, base_url: "http://127.0.0.1:$stream_port/v1", api_key: bench-upstream-key }
routes:
  bench:
    targets: [ { provider: bench, model: bench-model } ]
  other:
    targets: [ { provider: other, model: bench-model } ]
  slow:
    targets: [ { provider: slow, model: bench-model } ]
prices:
  models:
    bench/bench-model: { input: 1.25, output: 10 }
    other/bench-model: { input: 1.25, output: 10 }
    slow/bench-model: { input: 1.25, output: 10 }
CONF
done

start() { # name, command … — in the background, its pid remembered as <name>_pid
  local name=$1
  shift
  "$@" > "$scratch/$name.out" 2>&1 &
  pids+=($!)
  printf -v "${name}_pid" %s $!
}
start upstream nginx -c "$scratch/upstream.conf"
start proxy nginx -c "$scratch/proxy.conf"
! wants streams || start slow out/bench-load/Gatehouse.Load upstream "$stream_port" 20 100
! wants peer || start portkey env NODE_ENV=production node bench/portkey/node_modules/@portkey-ai/gateway/build/start-server.js --headless --port="$portkey_port"
started=$(date +%s%N)
start gatehouse out/bench/gatehouse up --config "$scratch/gatehouse.yaml" --address "127.0.0.1:$gatehouse_port"

await() { # name, address
  local i
  for i in $(seq 1 1500); do
    ! curl -fs -o "$scratch/await" "$2" 2>/dev/null || return 0
    sleep 0.02
  done
  echo "$1 did not start:" >&2
  tail -20 "$scratch/$1.out" "$scratch/$1.log" >&2 2>/dev/null || true
  exit 1
}
await upstream "http://127.0.0.1:$upstream_port/v1/chat/completions"
await proxy "http://127.0.0.1:$proxy_port/v1/chat/completions"
await gatehouse "http://127.0.0.1:$gatehouse_port/readyz"
await gatehouse "file://$scratch/gatehouse/sample-key"
ready_ms=$(( ($(date +%s%N) - started) / 1000000 ))

if wants features; then
  start full out/bench/gatehouse up --config "$scratch/full.yaml" --address "127.0.0.1:$full_port"
  await full "http://127.0.0.1:$full_port/readyz"
  await full "file://$scratch/full/sample-key"
  token=$(cat "$scratch/full/cli-token") api=http://127.0.0.1:$full_port/api
  at=(--url "http://127.0.0.1:$full_port" --token "$token")
  out/bench/gatehouse budget add bench --limit 1000000000 --period month "${at[@]}" >/dev/null
  out/bench/gatehouse limit add bench --requests 1000000000 --tokens 1000000000000 --concurrency 10000 "${at[@]}" >/dev/null
  system=$(curl -fs $api/systems -H "Authorization: Bearer $token" | sed 's/.*"items":\[{"id":"\([^"]*\)".*/\1/')
  curl -fs -o "$scratch/await" -X PUT "$api/systems/$system/environments/development" -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' -d '{"store_content": true, "retention_days": 1}'
fi
! wants peer || await portkey "http://127.0.0.1:$portkey_port/"

# --- The load ------------------------------------------------------------------------------------------------------------------------
request() { # model, kilobytes, more fields → a chat request of about that size
  local count=$(( $2 * 16 )) words
  words=$(printf 'This is sentence number %d of a question to a model. ' $(seq 1 $count))
  printf '{"model":"%s","temperature":0.2,%s"messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"%s"}]}' "$1" "${3:-}" "$words"
}
request bench 1 > "$scratch/body-1"
request bench 16 > "$scratch/body-16"
request bench 1024 > "$scratch/body-1024"
request other 1 > "$scratch/body-other"
request slow 1 '"stream":true,' > "$scratch/body-slow"

declare -A address=([direct]=http://127.0.0.1:$upstream_port [nginx]=http://127.0.0.1:$proxy_port [gatehouse]=http://127.0.0.1:$gatehouse_port
  [full]=http://127.0.0.1:$full_port [portkey]=http://127.0.0.1:$portkey_port)
declare -A slow_address=([direct]=http://127.0.0.1:$stream_port [nginx]=http://127.0.0.1:$proxy_stream_port [gatehouse]=http://127.0.0.1:$gatehouse_port)
declare -A server=([direct]=$upstream_pid [nginx]=$proxy_pid [gatehouse]=$gatehouse_pid [full]=${full_pid:-} [portkey]=${portkey_pid:-})
key=$(cat "$scratch/gatehouse/sample-key")
declare -A keys=([direct]=$key [nginx]=$key [gatehouse]=$key [portkey]=$key [full]=$(cat "$scratch/full/sample-key" 2>/dev/null || true))

load() { # variant, body file → a script for wrk
  local script=$scratch/$1-$(basename "$2").lua
  cat > "$script" <<LUA
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
local file = io.open("$2")
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer ${keys[$1]}"
$([ "$1" != portkey ] || echo "wrk.headers['x-portkey-provider'] = 'openai'; wrk.headers['x-portkey-custom-host'] = 'http://127.0.0.1:$upstream_port/v1'")
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %.1f %d %d %d\n", summary.requests, summary.requests / (summary.duration / 1e6),
    latency:percentile(50), latency:percentile(99), e.status + e.read + e.write + e.timeout + e.connect))
end
LUA
  echo "$script"
}

tree() { # a process and its children: nginx does its work in those
  echo "$1"
  cat /proc/"$1"/task/*/children 2>/dev/null || true
}
cpu_ticks() { local pid; for pid in $(tree "$1"); do sed 's/.*) //' "/proc/$pid/stat"; done | awk '{ t += $12 + $13 } END { print t }'; }
rss_mb() { local pid; for pid in $(tree "$1"); do grep VmRSS "/proc/$pid/status"; done | awk '{ k += $2 } END { printf "%.0f", k / 1024 }'; }
hertz=$(getconf CLK_TCK)

check() { # variant, body file: the answer is what it should be, to the last byte that matters
  local status
  status=$(curl -s -o "$scratch/answer" -w '%{http_code}' -H "Authorization: Bearer ${keys[$1]}" -H 'Content-Type: application/json' \
    -H 'x-portkey-provider: openai' -H "x-portkey-custom-host: http://127.0.0.1:$upstream_port/v1" \
    --data-binary "@$2" "${address[$1]}/v1/chat/completions")
  if [ "$status" != 200 ] || ! grep -q 'sentence number 14 of a canned chat answer' "$scratch/answer"; then
    echo "$1 answered $status: $(head -c 500 "$scratch/answer")" >&2
    exit 1
  fi
}
failed() { # variant, failed, of
  if [ "$2" != 0 ]; then
    echo "$1: $2 of $3 requests failed; the figures would mean nothing." >&2
    exit 1
  fi
}
measure() { # variant, connections, seconds, body file → requests, requests/s, p50 µs, p99 µs, CPU µs a request of that server, its memory in MB
  local before after result
  before=$(cpu_ticks "${server[$1]}")
  result=$(wrk -t1 -c"$2" -d"$3"s -s "$(load "$1" "$4")" --timeout 10s "${address[$1]}" | grep RESULT)
  after=$(cpu_ticks "${server[$1]}")
  set -- "$1" $result
  failed "$1" "$7" "$3"
  awk -v n="$3" -v rate="$4" -v p50="$5" -v p99="$6" -v ticks=$((after - before)) -v hz="$hertz" -v rss="$(rss_mb "${server[$1]}")" \
    'BEGIN { printf "%d %.0f %d %d %.1f %s\n", n, rate, p50, p99, ticks / hz * 1e6 / n, rss }'
}
measure_open() { # variant, requests/s, seconds → requests, requests/s, p50 µs, p99 µs, p99.9 µs, the longest
  local result
  result=$(out/bench-load/Gatehouse.Load open "${address[$1]}/v1/chat/completions" "${keys[$1]}" "$scratch/body-1" "$2" "$3" 64)
  set -- "$1" "$2" $result
  failed "$1" "$5" "$4"
  echo "$4 $2 $6 $7 $8 $9"
}
measure_streams() { # variant, streams, seconds → streams, streams at once, time to first byte p50 µs, p99 µs, CPU µs a chunk, memory in MB
  local before after result
  before=$(cpu_ticks "${server[$1]}")
  result=$(out/bench-load/Gatehouse.Load streams "${slow_address[$1]}/v1/chat/completions" "${keys[$1]}" "$scratch/body-slow" "$2" "$3")
  after=$(cpu_ticks "${server[$1]}")
  set -- "$1" "$2" $result
  failed "$1" "$5" "$4"
  awk -v n="$4" -v at="$2" -v p50="$7" -v p99="$8" -v ticks=$((after - before)) -v hz="$hertz" -v rss="$(rss_mb "${server[$1]}")" \
    'BEGIN { printf "%d %d %d %d %.1f %s\n", n, at, p50, p99, ticks / hz * 1e6 / (n * 22), rss }' # 20 chunks, the last one, the end
}

idle_mb=$(rss_mb "$gatehouse_pid")
load=$(cut -d' ' -f1-3 /proc/loadavg)
variants="direct nginx gatehouse"
! wants features || variants+=" full"
! wants peer || variants+=" portkey"
for variant in $variants; do check "$variant" "$scratch/body-1"; done
echo "Warming up …" >&2
: > "$scratch/results"
for variant in $variants; do echo "0 warm-up 16 $variant $(measure "$variant" 16 $warmup "$scratch/body-1")" >> "$scratch/results"; done
if wants translate; then
  check gatehouse "$scratch/body-other"
  echo "0 warm-up 16 gatehouse $(measure gatehouse 16 $warmup "$scratch/body-other")" >> "$scratch/results"
fi
if wants streams; then
  # streams bring few calls a second, and the runtime compiles what is called often: it takes a while until all is compiled
  echo "0 warm-up 200 gatehouse $(measure_streams gatehouse 200 $((8 * warmup)))" >> "$scratch/results"
fi

note() { # round, scenario, its parameter, variant, the figures
  echo "$@" >> "$scratch/results"
  echo "round $1, $2 $3, $4: ${*:5}" >&2
}
for round in $(seq 1 "$rounds"); do
  if wants connections; then
    for count in $connections; do
      for variant in direct nginx gatehouse; do
        note "$round" connections "$count" $variant "$(measure $variant "$count" "$seconds" "$scratch/body-1")"
      done
    done
  fi
  if wants bodies; then
    for size in 1 16 1024; do
      for variant in direct nginx gatehouse; do
        note "$round" bodies $size $variant "$(measure $variant 16 "$seconds" "$scratch/body-$size")"
      done
    done
  fi
  if wants features; then
    for variant in nginx gatehouse full; do
      note "$round" features 16 $variant "$(measure $variant 16 "$seconds" "$scratch/body-1")"
    done
  fi
  if wants translate; then
    for body in 1 other; do
      note "$round" translate $body gatehouse "$(measure gatehouse 16 "$seconds" "$scratch/body-$body")"
    done
  fi
  if wants peer; then
    for variant in nginx gatehouse portkey; do
      note "$round" peer 16 $variant "$(measure $variant 16 "$seconds" "$scratch/body-1")"
    done
  fi
  if wants open; then
    for rate in 1000 3000; do
      for variant in direct nginx gatehouse; do
        note "$round" open $rate $variant "$(measure_open $variant $rate "$seconds")"
      done
    done
  fi
  if wants streams; then
    for variant in direct nginx gatehouse; do
      note "$round" streams 200 $variant "$(measure_streams $variant 200 "$seconds")"
    done
  fi
done
for variant in $variants; do check "$variant" "$scratch/body-1"; done

# Every call that was counted is in the ledger (those that wrk cut off at the end of a round come on top).
made=$(awk '$4 == "gatehouse" { n += $5 } END { print n }' "$scratch/results")
kept=0
for i in $(seq 1 100); do
  kept=$(curl -fs -H "Authorization: Bearer $(cat "$scratch/gatehouse/cli-token")" "${address[gatehouse]}/api/traffic" | sed 's/.*"total":{"calls":\([0-9]*\).*/\1/')
  [ "$kept" -lt "$made" ] || break
  sleep 0.1
done
if [ "$kept" -lt "$made" ]; then
  echo "The ledger holds $kept calls of at least $made." >&2
  exit 1
fi

# --- The figures ---------------------------------------------------------------------------------------------------------------------
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
column() { # scenario, parameter, variant, column: the median over the rounds
  awk -v s="$1" -v p="$2" -v v="$3" -v n="$4" '$2 == s && $3 == p && $4 == v { print $n }' "$scratch/results" | median
}
ratio() { # scenario, parameter, variant, the one it is compared with, column: the median over the rounds of the ratio within a round
  awk -v s="$1" -v p="$2" -v v="$3" -v b="$4" -v n="$5" '$2 == s && $3 == p && $4 == b { below[$1] = $n } $2 == s && $3 == p && $4 == v { above[$1] = $n }
    END { for (r in above) if (below[r] > 0) printf "%.3f\n", above[r] / below[r] }' "$scratch/results" | median
}
row() { # what it is called, scenario, parameter, variant: the absolute figures
  printf '| %s | %s | %.0f | %.0f | %.0f | %.1f | %.0f |\n' "$1" "$4" "$(column "$2" "$3" "$4" 6)" "$(column "$2" "$3" "$4" 7)" \
    "$(column "$2" "$3" "$4" 8)" "$(column "$2" "$3" "$4" 9)" "$(column "$2" "$3" "$4" 10)"
}
table() { # what the first column counts, scenario, parameters: ratios first, then the figures
  local parameter variant
  echo
  echo "| $1 | requests/s, of nginx's | p50, of nginx's | p99, of nginx's | CPU a request, of nginx's |"
  echo "| ---: | ---: | ---: | ---: | ---: |"
  for parameter in $3; do
    printf '| %s | **%.2f** | %.2f | %.2f | %.2f |\n' "$parameter" "$(ratio "$2" "$parameter" gatehouse nginx 6)" "$(ratio "$2" "$parameter" gatehouse nginx 7)" \
      "$(ratio "$2" "$parameter" gatehouse nginx 8)" "$(ratio "$2" "$parameter" gatehouse nginx 9)"
  done
  echo
  echo "| $1 | variant | requests/s | p50 µs | p99 µs | CPU µs a request | memory MB |"
  echo "| ---: | --- | ---: | ---: | ---: | ---: | ---: |"
  for parameter in $3; do
    for variant in direct nginx gatehouse; do row "$parameter" "$2" "$parameter" "$variant"; done
  done
}

echo
echo "$(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), .NET $(dotnet --version), $(nginx -v 2>&1 | sed 's/.*: //'), worker_processes $workers"
echo "$rounds rounds of $seconds s, load average before: $load; Gatehouse: ready in $ready_ms ms, $idle_mb MB idle; $kept calls in the ledger, $made counted"
! wants connections || table connections connections "$connections"
! wants bodies || table "body KB" bodies "1 16 1024"
if wants features || wants translate || wants peer; then
  echo
  echo "| 16 connections | variant | requests/s | p50 µs | p99 µs | CPU µs a request | memory MB |"
  echo "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
  if wants features; then
    row "as it comes" features 16 gatehouse
    row "budget, limits, stored content" features 16 full
  fi
  if wants translate; then
    row "same wire format" translate 1 gatehouse
    row "OpenAI's to Anthropic's" translate other gatehouse
  fi
  if wants peer; then
    for variant in nginx gatehouse portkey; do row "beside a peer" peer 16 $variant; done
    printf '\nGatehouse over Portkey: **%.1f** × the requests/s, %.3f of the CPU a request.\n' "$(ratio peer 16 gatehouse portkey 6)" "$(ratio peer 16 gatehouse portkey 9)"
  fi
fi
if wants open; then
  echo
  echo "| requests/s, fixed | variant | p50 µs | p99 µs | p99.9 µs | longest µs |"
  echo "| ---: | --- | ---: | ---: | ---: | ---: |"
  for rate in 1000 3000; do
    for variant in direct nginx gatehouse; do
      printf '| %s | %s | %.0f | %.0f | %.0f | %.0f |\n' $rate $variant "$(column open $rate $variant 7)" "$(column open $rate $variant 8)" \
        "$(column open $rate $variant 9)" "$(column open $rate $variant 10)"
    done
    for variant in nginx gatehouse; do
      printf '| %s | %s added | %.0f | %.0f | %.0f | |\n' $rate $variant $(for c in 7 8 9; do echo "$(column open $rate $variant $c) $(column open $rate direct $c)"; done | awk '{ print $1 - $2 }')
    done
  done
fi
if wants streams; then
  echo
  echo "| 200 slow streams | first byte p50 µs | first byte p99 µs | CPU µs a chunk | memory MB |"
  echo "| --- | ---: | ---: | ---: | ---: |"
  for variant in direct nginx gatehouse; do
    printf '| %s | %.0f | %.0f | %s | %.0f |\n' $variant "$(column streams 200 $variant 7)" "$(column streams 200 $variant 8)" \
      "$([ $variant = direct ] && echo "" || printf %.1f "$(column streams 200 $variant 9)")" "$(column streams 200 $variant 10)"
  done
  printf '\nCPU a chunk, of nginx'"'"'s: **%.2f**.\n' "$(ratio streams 200 gatehouse nginx 9)"
fi
