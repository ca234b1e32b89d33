"""A machine under QEMU: a Linux of its own, with pure cgroup v2, that this machine may not have.

Its image is made of Debian's packages (`image`). A machine's first start boots a template, whose memory is kept
(`template`); every start after that is a restore of it, in a third of a second. Its root file system is read-only, and
what is written lies in its memory: so a snapshot is the memory alone, and one template serves many machines.
Commands go through virtio-serial ports (`command_server` inside, `session` outside): no network, no keys.

Invariants: QEMU has a parent of ours (`keeper`), and dies with it; the keeper has `vm up` beside it until the machine
is up, and ends with it; a machine's folder whose lock is free belongs to nobody, and is swept; an image, a template and
a snapshot are there whole or not at all. man: qemu-system(1), mmdebstrap(1), flock(2).
"""
