#!/bin/sh
# Run a command where Podman can work and nothing of it reaches the machine: mount and network namespaces of its own,
# a private tree of cgroups on v1 (Podman writes folders onto it), storage in memory. Usage: podman_world.sh COMMAND ...
# In COMMAND, `podman` is Podman with that storage, and the image `busybox` is there.
set -eu
if [ "${APART:-}" != yes ]; then
    APART=yes exec unshare --mount --net --propagation private "$0" "$@"
fi
folder=/mnt
mount -t tmpfs tmpfs "$folder"
ip link set lo up
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir "$folder/cgroup"
    mount -t tmpfs tmpfs "$folder/cgroup"
    for each in /sys/fs/cgroup/*; do
        if [ -L "$each" ]; then cp -P "$each" "$folder/cgroup/"; fi
        if [ -L "$each" ] || ! [ -d "$each" ]; then continue; fi
        mkdir "$folder/cgroup/${each##*/}"
        mount --bind "$each" "$folder/cgroup/${each##*/}"
    done
    mount --move "$folder/cgroup" /sys/fs/cgroup
fi
for each in /run/netns /run/containers /run/libpod /var/lib/containers /etc/containers; do
    mkdir -p "$each"
    mount -t tmpfs tmpfs "$each"
done
mount --make-rshared /
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
cat >"$folder/containers.conf" <<CONF
[containers]
netns = "none"
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
export CONTAINERS_CONF="$folder/containers.conf"
mkdir "$folder/bin"
printf '#!/bin/sh\nexec %s --root %s/root --runroot %s/run --storage-driver vfs "$@"\n' "$(command -v podman)" "$folder" "$folder" >"$folder/bin/podman"
chmod 755 "$folder/bin/podman"
export PATH="$folder/bin:$PATH"
tar -C "$IMAGE" -cf "$folder/busybox.tar" .
podman import -q "$folder/busybox.tar" busybox >/dev/null
exec "$@"
