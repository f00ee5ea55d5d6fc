#!/bin/sh
# First process of a container that speaks to Redis: takes the URL, password and all, from a file that only this container sees.
# A SESSION_STORE_URL of the environment (.env) goes before it. Usage: with-redis-url.sh COMMAND…
set -eu
: "${SESSION_STORE_URL:=$(cat /run/holdfast/redis-url)}"
export SESSION_STORE_URL
exec "$@"
