#!/bin/sh
# A node of the lab: a Docker Engine of its own, and the agent that uses it.
set -eu
# The engine sets kernel parameters and makes control groups; both are mounted read-only into a
# container that is not privileged.
for place in /proc/sys /sys/fs/cgroup /sys/fs/cgroup/*; do
  if mountpoint -q "$place"; then
    mount -o remount,bind,rw "$place" 2>/dev/null || true
  fi
done
rm -f /var/run/docker.pid
dockerd --live-restore --userland-proxy=false --cgroup-parent "/lab/$(hostname)" >/var/log/dockerd.log 2>&1 &
engine=$!
tries=0
until docker version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ "$tries" -gt 120 ] || ! kill -0 "$engine" 2>/dev/null; then
    echo "the node's Docker Engine did not start:" >&2
    tail -n 20 /var/log/dockerd.log >&2
    exit 1
  fi
  sleep 0.5
done
if [ -f /images/example.tar ]; then
  docker load --quiet --input /images/example.tar
fi
exec orb-agent "$@"
