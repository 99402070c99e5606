#!/bin/sh
# Builds the image of the examples, orb-example:1, unless the engine has it already.
# The base is Debian's static busybox where it is installed, so that no registry is needed;
# elsewhere, or with BASE set, it is the image of that name.
set -eu
image=${1:-orb-example:1}
here=$(cd "$(dirname "$0")/.." && pwd)
if docker image inspect "$image" >/dev/null 2>&1; then
  exit 0
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp -r "$here/examples/image/." "$context/"
base=${BASE:-busybox:stable}
static=$(command -v busybox || true)
if [ -z "${BASE:-}" ] && [ -n "$static" ] && ! ldd "$static" >/dev/null 2>&1; then
  cp "$static" "$context/busybox"
  printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nRUN ["/bin/mkdir", "-p", "/tmp", "/etc", "/var"]\nENV PATH=/bin\n' >"$context/Base"
  base=orb-busybox:1
  docker build --quiet --file "$context/Base" --tag "$base" "$context" >/dev/null 2>&1
fi
docker build --quiet --build-arg "BASE=$base" --tag "$image" "$context" 2>&1 | grep -v -e DEPRECATED -e buildx -e '^ *$' -e 'Install the' || true
docker image inspect "$image" >/dev/null
