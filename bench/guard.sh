#!/usr/bin/env bash
# Every figure of docs/guardrails.md: what the detectors find, miss and cost on labelled data, then what they find on data that was kept from
# their training. Usage: bench/guard.sh [DATA], with the folder that docs/guardrails.md describes.
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:-../shared/data/guard}
training=bench/Gatehouse.GuardTraining
names=$(mktemp)
trap 'rm -f "$names"' EXIT
dotnet build "$training" -c Release --nologo -v q
run() { "$training/bin/Release/net10.0/Gatehouse.GuardTraining" "$@"; }
echo "== shipped"
run eval "$data"
echo "== injection by people, five folds"
run cross-validate "$data"
echo "== injection in documents, five folds"
run cross-validate-indirect "$data"
echo "== names, four folds"
run names bench/guard "$data" "$names"
