#!/usr/bin/env bash
# Plays a newcomer's first half hour on a bare Debian root of its own. It runs README's commands as they are written. Then it installs
# the packed packages into an empty folder, in front of two running MCP servers. Usage, as root: deploy/test/newcomer.sh [TEST FILE…]
# It needs debootstrap. The root borrows what this machine needs to reach registries (pip.conf, .npmrc, certificates).
set -euo pipefail
cd "$(dirname "$0")/../.."
suite=trixie
tests=("${@:-sidecar/routing/decide.test.ts}")
skip() { echo "newcomer is skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip 'it needs root, to make a root of its own'
command -v debootstrap >/dev/null || skip 'debootstrap is not installed'
mirror=$(grep -rhoE '^(URIs: |deb (\[[^]]*\] )?)[^ ]+' /etc/apt/sources.list.d /etc/apt/sources.list 2>/dev/null | grep -oE '[a-z]+://[^ ]+/debian/?$' | head -n 1 || true)
[ -n "$mirror" ] || skip 'no Debian mirror is configured'

root=$(mktemp -d)
cleanup() {
  local link pid
  for link in /proc/[0-9]*/root; do
    [ "$(readlink "$link" 2>/dev/null)" = "$root" ] || continue
    pid=${link#/proc/}
    kill -9 "${pid%/root}" 2>/dev/null || true
  done
  # What was killed may hold a mount for a moment longer.
  for _ in $(seq 50); do umount "$root/proc" "$root/dev" 2>/dev/null || true; grep -qF " $root/" /proc/mounts || break; sleep 0.2; done
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
step() { echo; echo "== $1 ($SECONDS s)"; }

step "a bare $suite with Node, npm and python3 with pip"
log=$root.log
debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$log" 2>&1 || { tail -n 20 "$log"; exit 1; }
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mkdir -p "$root$HOME"
for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "$HOME/.npmrc"; do [ ! -e "$path" ] || cp -L "$path" "$root$path"; done
for path in ${PIP_FIND_LINKS:-}; do [ ! -d "$path" ] || { mkdir -p "$root$path"; cp -r "$path/." "$root$path"; }; done
# debootstrap does not order the dependencies of npm, apt does.
chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y --no-install-recommends nodejs npm python3 python3-pip procps >>"$log" 2>&1 ||
  { tail -n 20 "$log"; exit 1; }
rm -f "$log"
home=/opt/holdfast
mkdir -p "$root$home"
git archive --format=tar HEAD | tar -x -C "$root$home"
settings=$(compgen -e | grep -E '^(PIP_.*|NPM_CONFIG_.*|npm_config_registry|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|HTTPS?_PROXY|NO_PROXY)$' || true)
inside() { # FOLDER COMMAND…
  local folder=$1 kept=()
  shift
  for name in $settings; do kept+=("$name=${!name}"); done
  # The shell inside expands this.
  # shellcheck disable=SC2016
  chroot "$root" /usr/bin/env -i HOME="$HOME" PATH="${inner_path:-/usr/bin:/bin}" PORT="$port" "${kept[@]}" /bin/sh -c 'cd "$1"; shift; exec "$@"' sh "$folder" "$@"
}
wait_for() { # SECONDS PATTERN FILE [PID]: fails at once when the process PID has ended without it
  for _ in $(seq "$1"); do
    grep -qE "$2" "$3" && return
    [ -z "${4:-}" ] || kill -0 "$4" 2>/dev/null || break
    sleep 1
  done
  grep -qE "$2" "$3" && return
  echo "did not see: $2"; tail -n 30 "$3"; exit 1
}
free_ports() { # HOW-MANY FROM: the first of that many ports in a row on which nobody listens
  local first=$2 each is_free
  while :; do
    is_free=yes
    for each in $(seq "$first" $((first + $1 - 1))); do (exec 3<>"/dev/tcp/127.0.0.1/$each") 2>/dev/null && is_free= && break; done
    [ -n "$is_free" ] && break
    first=$((each + 1))
  done
  echo "$first"
}
# The root has a file system of its own, and shares the machine's ports.
port=$(free_ports 2 37373)
end() { # PATTERN: ends the program of the root whose command line has it
  for pid in $(pgrep -f -- "$1"); do [ "$(readlink "/proc/$pid/root")" != "$root" ] || kill -TERM "$pid" 2>/dev/null || true; done
}

step 'npm start'
inside "$home" npm start >"$root/start.log" 2>&1 &
wait_for 1800 'Ctrl-C ends everything' "$root/start.log" $!
grep 'Holdfast is up' "$root/start.log"

step 'npm run session, and the kill that npm start printed'
urls=$(grep -oE 'npm run session -- .*' "$root/start.log" | cut -d' ' -f5-)
# shellcheck disable=SC2086
inside "$home" timeout 60 npm run session -- $urls >"$root/session.log" 2>&1 &
wait_for 60 'linear-[0-9]' "$root/session.log"
replica=$(grep -oE 'linear-[0-9]' "$root/session.log" | tail -n 1)
inside "$home" sh -c "$(grep -oE "kill -9 [0-9]+   # $replica" "$root/start.log")"
wait_for 30 "moved here from $replica" "$root/session.log"
grep "moved here from $replica" "$root/session.log" | head -n 1
end 'deploy/local/main.ts'
wait_for 60 'done' "$root/start.log"

step "npm test -- ${tests[*]}"
inside "$home" npm test -- "${tests[@]}" | tail -n 4

step 'the packages in an empty folder'
inner_path="$home/node_modules/node/bin:/usr/bin:/bin"
inside "$home" npm run --silent package
mkdir -p "$root/opt/empty"
for name in holdfast holdfast-mesh; do inside /opt/empty npm pack --silent "$home/.holdfast/packages/$name"; done
inside /opt/empty sh -c 'npm install --no-audit --no-fund --loglevel=error ./*.tgz @modelcontextprotocol/sdk@1'
inside /opt/empty npx holdfast version --json

step 'ten lines of configuration in front of two running servers, and an official client'
first=$(free_ports 2 4311) second=$((first + 1))
for each in "$first" "$second"; do inside "$home" node deploy/test/servers/linear/main.ts --port "$each" --name "r$each" >"$root/server-$each.log" 2>&1 & done
cat >"$root/opt/empty/holdfast.yaml" <<YAML
servers:
  - name: linear
    backends:
      - name: stable
        replicas: ["127.0.0.1:$first", "127.0.0.1:$second"]
    onReplicaLoss: recover
    trustAnnotations: true
YAML
cat >"$root/opt/empty/client.mjs" <<'JS'
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
const client = new Client({ name: 'newcomer', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
console.log('tools:', (await client.listTools()).tools.length);
await client.close();
JS
inside /opt/empty npx holdfast validate holdfast.yaml
port=$(free_ports 2 37373)
inside /opt/empty npx holdfast-mesh --config holdfast.yaml >"$root/mesh.log" 2>&1 &
wait_for 900 'Ctrl-C ends everything' "$root/mesh.log" $!
inside /opt/empty node client.mjs "$(grep -oE 'http://[^ ]+/mcp/linear' "$root/mesh.log" | head -n 1)"
end 'holdfast-mesh'
wait_for 60 'done' "$root/mesh.log"
echo
echo "a newcomer gets through in $SECONDS s"
