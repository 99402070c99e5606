#!/bin/sh
# The lab on this machine: `lab.sh up | down | base | wheels | image`. See docker-compose.yml.
#
# BASE names the image that everything is built on. Without it, debian:12-slim is pulled; where that
# cannot be had but debootstrap is installed, a base is made from Debian's own packages.
set -eu
cd "$(dirname "$0")/../.."
image=${ORB_LAB_IMAGE:-orb:lab}
made=orb-lab-base:12
venv=${VENV:-.venv}

say() { echo "lab: $*"; }

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose --project-name orb-lab "$@"
  else
    docker-compose --project-name orb-lab "$@"
  fi
}

base() {
  if [ -n "${BASE:-}" ]; then return; fi
  BASE=debian:12-slim
  if docker image inspect "$BASE" >/dev/null 2>&1 || docker pull --quiet "$BASE" >/dev/null 2>&1; then
    return
  fi
  BASE=$made
  if docker image inspect "$BASE" >/dev/null 2>&1; then return; fi
  command -v debootstrap >/dev/null || {
    echo "debian:12-slim cannot be pulled. Name another base with BASE=…, or install debootstrap." >&2
    exit 1
  }
  say "no registry answers: making $made from Debian's packages (a minute) …"
  root=$(mktemp -d)
  debootstrap --variant=minbase \
    --include=ca-certificates,docker.io,iptables,iproute2,procps,python3,python3-venv,tini \
    bookworm "$root" >/dev/null
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
  tar -C "$root" -c . | docker import - "$made" >/dev/null
  rm -rf "$root"
}

wheels() {
  say "collecting the packages …"
  rm -rf build/wheels
  "$venv/bin/pip" wheel --quiet --disable-pip-version-check --wheel-dir build/wheels '.[all]' 'hatchling>=1.21' 'editables'
}

build() {
  base
  wheels
  say "building $image on $BASE …"
  docker build --quiet --file deploy/Dockerfile --build-arg "BASE=$BASE" \
    --build-arg PIP_FLAGS=--no-index --tag "$image" . >/dev/null
  sh deploy/example-image.sh
  mkdir -p build/lab
  docker save --output build/lab/example.tar orb-example:1
}

context() {
  # Certificates and a context for orbctl on this machine.
  container=$(compose ps -q s1)
  mkdir -p build/lab
  rm -rf build/lab/certs
  docker cp "$container:/certs" build/lab/certs
  net=${ORB_LAB_NET:-10.177.177}
  "$venv/bin/orbctl" init --cluster lab --server "s1=$net.11" --server "s2=$net.12" \
    --server "s3=$net.13" build/lab/certs >/dev/null
}

case "${1:-up}" in
  up)
    build
    say "starting three servers and three nodes …"
    compose up --detach
    context
    say "ready when \`$venv/bin/orbctl --context lab status\` shows three nodes"
    ;;
  down)
    compose down --volumes --timeout 15
    rm -rf build/lab
    ;;
  base) base && say "the base is $BASE" ;;
  wheels) wheels ;;
  image) build ;;
  *) echo "usage: lab.sh up | down | base | wheels | image" >&2; exit 2 ;;
esac
