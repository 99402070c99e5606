#!/bin/sh
# `make dev`: a cluster on this machine with the examples in it. The first argument is the folder
# of the commands.
set -eu
bin=$1
"$bin/orbctl" dev --detach
if "$bin/orbctl" dev status -o json | grep -q '"runtime": *"docker"'; then
  echo "Building the image of the examples …"
  sh "$(dirname "$0")/example-image.sh"
fi
for manifest in examples/*/compose.yaml; do
  "$bin/orbctl" apply -f "$manifest"
done
"$bin/orbctl" status
