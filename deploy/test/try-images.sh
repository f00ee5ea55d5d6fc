#!/usr/bin/env bash
# Builds the images of deploy/Dockerfile without Docker, starts each, and says what each adds to its base. Usage, as root:
# deploy/test/try-images.sh [amd64|arm64 …] (both). A Debian root with Node and npm stands in for the base image. It needs buildah and
# debootstrap. An architecture that is not this machine’s needs qemu-user-static too, registered with the kernel (binfmt_misc).
set -euo pipefail
cd "$(dirname "$0")/../.."
LIMIT_MB=60
arches=("$@")
[ ${#arches[@]} -gt 0 ] || arches=(amd64 arm64)
own=$(dpkg --print-architecture 2>/dev/null || true)
skip() { echo "try-images is skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip 'it needs root, to make a root of its own'
for tool in buildah debootstrap; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
mirror=$(grep -rhoE '^(URIs: |deb (\[[^]]*\] )?)[^ ]+' /etc/apt/sources.list.d /etc/apt/sources.list 2>/dev/null | grep -oE '[a-z]+://[^ ]+/debian/?$' | head -n 1 || true)
[ -n "$mirror" ] || skip 'no Debian mirror is configured'
for arch in "${arches[@]}"; do
  case $arch in amd64 | arm64) ;; *) echo "try-images: $arch is no architecture of the images: amd64 or arm64"; exit 64 ;; esac
  [ "$arch" = "$own" ] || compgen -G '/proc/sys/fs/binfmt_misc/qemu-*' >/dev/null || skip "$arch is not this machine’s, and no qemu is registered for it"
done

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM
export BUILDAH_ISOLATION=chroot
in_store() { buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
step() { echo "== $1 ($SECONDS s)"; }
base=$(grep -oE 'FROM node:[^ ]+' deploy/Dockerfile | head -n 1 | cut -d' ' -f2)
version=$(cut -d: -f2 <<<"$base" | cut -d- -f1)
npm_folder=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")

base_image() { # ARCHITECTURE
  local arch=$1 root="$work/root-$1" cpu=$1 container
  [ "$arch" != amd64 ] || cpu=x64
  debootstrap --arch="$arch" --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
  (cd "$work" && npm pack --silent "node-linux-$cpu@$version" >/dev/null && tar -xzf "node-linux-$cpu-$version.tgz" package/bin/node)
  mv "$work/package/bin/node" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -a "$npm_folder" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  chroot "$root" groupadd -g 1000 node
  chroot "$root" useradd -u 1000 -g node -m node
  container=$(in_store from --arch "$arch" scratch)
  in_store add -q "$container" "$root" / >/dev/null
  in_store config --env PATH=/usr/local/bin:/usr/bin:/bin --arch "$arch" "$container"
  in_store commit -q --rm "$container" "localhost/base:$arch" >/dev/null
  in_store manifest add "localhost/$base" "localhost/base:$arch" >/dev/null
  rm -rf --one-file-system "$root"
}
in_store manifest create "localhost/$base" >/dev/null
# The stage that installs the packages runs on the builder’s own architecture.
for arch in $(printf '%s\n' "$own" "${arches[@]}" | sort -u); do
  step "a base image for $arch: Debian, Node $version, npm"
  base_image "$arch"
done

# What registries need here: it is mounted while the packages are installed, and in no image.
settings=(-v /etc/ssl/certs:/etc/ssl/certs:ro)
{ cat "$HOME/.npmrc" 2>/dev/null || true; echo 'cafile=/etc/ssl/certs/ca-certificates.crt'; } >"$work/npmrc"
settings+=(-v "$work/npmrc:/usr/local/etc/npmrc:ro")
mkdir "$work/source"
git archive --format=tar HEAD | tar -x -C "$work/source"
bytes_in() { # IMAGE: of all its files
  local container
  container=$(in_store from --pull-never "$1")
  du -sb "$(in_store mount "$container")" | cut -f1
  in_store rm "$container" >/dev/null
}
# What the entry point says with --version, as the image's own user. The image of the example servers has none: who runs it names the server.
version_of() { # IMAGE
  local container entry
  container=$(in_store from --pull-never "$1")
  entry=$(in_store inspect --format '{{.OCIv1.Config.Entrypoint}}' "$container" | tr -d '[]')
  [ -n "$entry" ] || entry='node deploy/test/servers/linear/main.ts'
  # The words of the entry point are separate arguments.
  # shellcheck disable=SC2086
  in_store run --isolation chroot "$container" -- $entry --version
  in_store rm "$container" >/dev/null
}
expected=$(grep -oE '"version": "[^"]+"' package.json | cut -d'"' -f4)
failed=0
for arch in "${arches[@]}"; do
  for role in sidecar control-plane example-server; do
    image="localhost/holdfast-$role:$arch"
    step "$role for $arch"
    in_store bud --layers --pull-never --network host --platform "linux/$arch" --build-arg "BUILDPLATFORM=linux/$own" -f deploy/Dockerfile --target "$role" -t "$image" \
      "${settings[@]}" "$work/source" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; exit 1; }
    added=$((($(bytes_in "$image") - $(bytes_in "localhost/base:$arch")) / 1000000))
    told=$(version_of "$image")
    echo "   $added MB above its base (limit $LIMIT_MB), --version: $told"
    [ "$added" -le "$LIMIT_MB" ] && [ "$told" = "$expected" ] || failed=1
  done
done
exit "$failed"
