#!/usr/bin/env bash
# One chat completion with curl: samples/chat.sh "Why is the sky blue?"
set -euo pipefail
url=${GATEHOUSE_URL:-http://127.0.0.1:8080}
key=${GATEHOUSE_KEY:-$(cat "$(dirname "$0")/../data/sample-key")}
model=${GATEHOUSE_MODEL:-simulator}
prompt=$(printf %s "${1:-Hello}" | sed 's/["\\]/\\&/g') # quotes and backslashes, as JSON wants them
curl --silent --show-error --fail-with-body "$url/v1/chat/completions" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
  -d "{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"$prompt\"}]}"
