#!/bin/busybox sh
# The first program of a machine: find the read-only disk, put the machine's memory above it, and go there.
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
echo 'contain_lab: init'
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
case "$(/bin/busybox cat /proc/cmdline)" in *contain_lab.probe*) exec /bin/busybox poweroff -f ;; esac
for module in /modules/*.ko; do /bin/busybox insmod "$module"; done
/bin/busybox mount -t tmpfs -o mode=755,size=90% memory /memory
/bin/busybox mkdir /memory/disk /memory/upper /memory/work /memory/root
/bin/busybox mount -t erofs -o ro /dev/vda /memory/disk
/bin/busybox mount -t overlay -o lowerdir=/memory/disk,upperdir=/memory/upper,workdir=/memory/work root /memory/root
/bin/busybox mkdir -p /memory/root/usr/local/lib/contain_lab
/bin/busybox cp /init.sh /command_server.py /memory/root/usr/local/lib/contain_lab/
for each in dev proc sys; do /bin/busybox umount /$each; done
exec /bin/busybox switch_root /memory/root /bin/sh /usr/local/lib/contain_lab/init.sh
