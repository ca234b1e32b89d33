#!/bin/sh
# Run a script as an ordinary user for whom Podman works, and nothing of it reaches the machine: mount and network
# namespaces of their own, storage in memory. Usage: podman_rootless.sh USER RUNTIME SCRIPT
# In SCRIPT, `$P` is Podman on that runtime, and the image `busybox` is there.
set -eu
if [ "${APART:-}" != yes ]; then
    APART=yes exec unshare --mount --net --propagation private "$0" "$@"
fi
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /etc/containers
mount -t tmpfs tmpfs /etc/containers
mount --make-rshared /
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
cat >/etc/containers/containers.conf <<CONF
[containers]
netns = "none"
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
install -d -o "$1" -m 700 /mnt/run /mnt/root
tar -C "$IMAGE" -cf /mnt/busybox.tar .
chmod 644 /mnt/busybox.tar
cat >/mnt/script <<SCRIPT
P="podman --root /mnt/root --runroot /mnt/run/c --storage-driver vfs --runtime $2"
\$P import -q /mnt/busybox.tar busybox >/dev/null
$3
\$P system migrate >/dev/null
SCRIPT
cd /
exec runuser -u "$1" -- env HOME="/home/$1" USER="$1" XDG_RUNTIME_DIR=/mnt/run sh -eu /mnt/script
