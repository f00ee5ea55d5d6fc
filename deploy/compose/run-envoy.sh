#!/usr/bin/env bash
# First process of an Envoy container: starts Envoy again when it dies, and drains it before it ends.
# Envoy itself ends at once on SIGTERM. Here balancers are told first, and what runs may finish.
# Usage: run-envoy.sh ENVOY-ARGUMENT…      Environment: DRAIN_SECONDS (20)
# The trap calls drain, and drain calls the other functions.
# shellcheck disable=SC2329
set -u
admin_port=9901 sidecar_port=7901 most=${DRAIN_SECONDS:-20} is_ending=
# Control planes look once a second, balancers check every three: earlier than this, requests may still be on their way here.
least=4
# An answer that began before the drain did not say that its connection closes: its client may call there again.
most_idle=5

ask() { # METHOD PORT PATH [HEADER-LINE]: the answer's text; fails when nobody listens
  exec 3<>"/dev/tcp/127.0.0.1/$2" || return 1
  printf '%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n%scontent-length: 0\r\n\r\n' "$1" "$3" "${4:-}" >&3
  timeout 2 cat <&3
  exec 3>&-
} 2>/dev/null

active() { # rq|cx: clients have a request under way, or a connection open
  ask GET "$admin_port" "/stats?filter=downstream_$1_active&usedonly" | grep -E "^http\.(mcp|edge)\.downstream_$1_active: [1-9]" >/dev/null
}

drain() {
  is_ending=yes
  # The sidecar wrote its token beside its socket; who can read that folder may drain the node. An edge has none.
  local file
  for file in /run/holdfast/ext-proc.drain-token /run/holdfast/*/ext-proc.drain-token; do
    [ -r "$file" ] && ask POST "$sidecar_port" /drain "authorization: Bearer $(cat "$file")"$'\r\n' >/dev/null
  done
  ask POST "$admin_port" /healthcheck/fail >/dev/null
  local second=0 idle=0
  while kill -0 "$envoy" 2>/dev/null && [ "$second" -lt "$most" ]; do
    if active rq; then idle=0; else idle=$((idle + 1)); fi
    [ "$second" -ge "$least" ] && [ "$idle" -gt 0 ] && { [ "$idle" -gt "$most_idle" ] || ! active cx; } && break
    sleep 1
    second=$((second + 1))
  done
  kill -TERM "$envoy" 2>/dev/null
}

trap drain TERM INT
while [ -z "$is_ending" ]; do
  envoy "$@" &
  envoy=$!
  # A trap ends the wait; the second one is for Envoy itself.
  wait "$envoy"
  [ -n "$is_ending" ] && wait "$envoy"
  [ -z "$is_ending" ] && sleep 0.5
done
exit 0
