#!/usr/bin/env bash
# The README's two commands, as written, on a Debian that has Node, npm and python3 with pip and nothing else: no git, no compiler, no root,
# a path with a space. Usage: deploy/test/try-bare.sh [IMAGE with Node ≥ 20 (node:24-slim)] [TEST FILE…]
# What registries need here comes from the environment (PIP_*, NPM_CONFIG_*, NODE_EXTRA_CA_CERTS); nothing of it is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-node:24-slim}
tests=("${@:2}")
[ ${#tests[@]} -gt 0 ] || tests=(deploy/setup/binaries.test.ts deploy/test/mesh/managed-process.test.ts deploy/test/e2e/session.e2e.test.ts)
skip() { echo "try-bare is skipped: $1"; exit 0; }
command -v docker >/dev/null || skip 'docker is not installed'
docker info >/dev/null 2>&1 || skip 'docker does not answer'
docker image inspect "$image" >/dev/null 2>&1 || docker pull -q "$image" >/dev/null 2>&1 || skip "$image is not here and can’t be pulled"

name=holdfast-bare-$$ folder='/home/someone/my work/hold fast'
work=$(mktemp -d)
trap 'docker rm -f "$name" >/dev/null 2>&1 || true; docker image rm -f "$name" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
printf 'FROM %s\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-pip >/dev/null && useradd --create-home --uid 4711 someone\n' "$image" >"$work/Dockerfile"
DOCKER_BUILDKIT=0 docker build -q -t "$name" "$work" >/dev/null 2>"$work/build.log" || { cat "$work/build.log"; exit 1; }
settings=()
while read -r variable; do settings+=(-e "$variable"); done < <(compgen -e | grep -E '^(PIP_CERT|PIP_INDEX_URL|PIP_TRUSTED_HOST|NPM_CONFIG_.*|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$')
docker run -d --init --name "$name" ${settings[@]+"${settings[@]}"} --user someone --entrypoint sleep "$name" 3600 >/dev/null
docker exec "$name" mkdir -p "$folder"
git archive --format=tar HEAD | docker exec -i "$name" tar -xf - -C "$folder"
inside() { docker exec -w "$folder" -e HOME=/home/someone "$name" "$@"; }

inside npm start >"$work/start.log" 2>&1 &
for _ in $(seq 300); do grep -q 'Ctrl-C ends' "$work/start.log" && break; kill -0 $! 2>/dev/null || break; sleep 1; done
grep -E 'done in|Holdfast is up' "$work/start.log" || { cat "$work/start.log"; exit 1; }
inside timeout 20 npm run session -- http://127.0.0.1:37373 http://127.0.0.1:37374 >"$work/session.log" 2>&1 &
until home=$(grep -oE 'linear-[123]' "$work/session.log" | tail -1) && [ -n "$home" ]; do kill -0 $! 2>/dev/null || { cat "$work/session.log"; exit 1; }; sleep 0.2; done
inside sh -c "$(grep -oE "kill -9 [0-9]+   # $home" "$work/start.log")"
wait $! || true
grep "moved here from $home" "$work/session.log" || { cat "$work/session.log"; exit 1; }
# The shell inside expands this.
# shellcheck disable=SC2016
inside sh -c 'kill -TERM $(grep -l -a "^npm start" /proc/[0-9]*/cmdline | cut -d/ -f3)'
for _ in $(seq 20); do [ "$(inside sh -c 'ls /tmp | grep -c holdfast-local')" = 0 ] && break; sleep 0.5; done
[ "$(inside sh -c 'ls /tmp | grep -c holdfast-local')" = 0 ] || { echo 'npm start left its folder behind'; exit 1; }
inside npm test -- "${tests[@]}" | tail -n 25
