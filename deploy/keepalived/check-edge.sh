#!/usr/bin/env bash
# Asked by keepalived every second: does this machine's edge serve? It must answer with something other than a server error.
# Usage: check-edge.sh PORT [PATH]
exec 3<>"/dev/tcp/127.0.0.1/${1:?port}" || exit 1
printf 'GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' "${2:-/health}" >&3
read -r -t 2 _ status _ <&3 || exit 1
[ "$status" -lt 500 ]
