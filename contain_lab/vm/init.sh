# The second program of a machine: what a boot does, without a manager of services. The third serves commands.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=linux
mount -t devtmpfs -o mode=755,nosuid dev /dev
exec </dev/console >/dev/console 2>&1
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev shm /dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
mount -t tmpfs -o mode=755,nosuid,nodev run /run
mount -t tmpfs -o nosuid,nodev tmp /tmp
chmod 1777 /dev/shm /tmp
for each in /var/lib/contain_lab /var/tmp; do    # an overlay cannot write into an overlay
    mkdir -p "$each"
    mount -t tmpfs -o mode=1777 overlays "$each"
done
chmod 755 /var/lib/contain_lab
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
mount -t bpf -o mode=700 bpf /sys/fs/bpf 2>/dev/null
mount --make-rshared /
for link in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -sfn "${link#*:}" "/dev/${link%%:*}"; done
mkdir -p /run/lock
modprobe -a virtio_net virtio_rng
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo 'nameserver 10.0.2.3' >/etc/resolv.conf
printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
commands=/contain_lab/.venv/bin
mkdir -p "$commands"
cat >"$commands/contain-lab" <<'COMMAND'
#!/usr/bin/python3
import sys
sys.path.insert(0, "/contain_lab")
from contain_lab.cli import main
sys.exit(main())
COMMAND
cat >"$commands/contain-lab-runtime" <<'COMMAND'
#!/usr/bin/python3 -IS
import gc, sys
gc.disable()
sys.path.insert(0, "/contain_lab")
from contain_lab.cli.oci import command
command()
COMMAND
chmod 755 "$commands"/*
ln -s "$commands"/* /usr/local/bin/
exec /usr/bin/python3 -IS /usr/local/lib/contain_lab/command_server.py
