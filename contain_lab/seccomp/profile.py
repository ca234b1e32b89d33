"""The profile of a container whose spec is ours: what it may call, what needs a capability, what is refused and why.

Every call that the tables of numbers know is in one of the groups below, which a test sees to. What is in none is
newer than this page and fails with ENOSYS, so that a C library falls back on an older call; what is refused fails with
EPERM. Names that one architecture has and another has not stand side by side, for each takes the ones that it knows.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Profile = dict[str, Any]

# ---- allowed: what a program does to itself, its files, its sockets and its children

ALLOWED = (
    # files and directories, by path and by descriptor; permissions and the mount namespace decide
    "open openat openat2 creat close close_range read write readv writev pread64 pwrite64 preadv pwritev preadv2 "
    "pwritev2 lseek _llseek stat lstat fstat newfstatat stat64 lstat64 fstat64 fstatat64 oldstat oldlstat oldfstat "
    "statx access faccessat faccessat2 readlink readlinkat getdents getdents64 readdir getcwd chdir fchdir mkdir "
    "mkdirat rmdir link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 mknod mknodat chmod fchmod "
    "fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32 umask truncate ftruncate truncate64 "
    "ftruncate64 utime utimes futimesat utimensat utimensat_time64 statfs fstatfs statfs64 fstatfs64 statmount "
    "listmount fallocate fadvise64 fadvise64_64 arm_fadvise64_64 readahead sync syncfs fsync fdatasync sync_file_range "
    "sync_file_range2 arm_sync_file_range flock fcntl fcntl64 ioctl dup dup2 dup3 pipe pipe2 sendfile sendfile64 "
    "splice tee vmsplice copy_file_range cachestat file_getattr file_setattr name_to_handle_at",
    # extended attributes: the kernel asks for a capability where one is needed
    "setxattr lsetxattr fsetxattr setxattrat getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr "
    "listxattrat removexattr lremovexattr fremovexattr removexattrat",
    # memory of its own
    "brk mmap mmap2 munmap mremap mprotect msync mincore madvise mlock mlock2 mlockall munlock munlockall "
    "memfd_create memfd_secret remap_file_pages pkey_alloc pkey_free pkey_mprotect map_shadow_stack mseal membarrier "
    "process_mrelease cacheflush",
    # processes and threads (clone has rules of its own below)
    "fork vfork execve execveat exit exit_group wait4 waitpid waitid getpid getppid gettid getpgid getpgrp setpgid "
    "getsid setsid set_tid_address set_thread_area get_thread_area arch_prctl set_tls get_tls breakpoint usr26 usr32 "
    "prctl uname olduname oldolduname times sysinfo getrusage getrlimit ugetrlimit setrlimit prlimit64 nice "
    "getpriority setpriority ioprio_get ioprio_set getcpu rseq rseq_slice_yield restart_syscall pidfd_open "
    "pidfd_send_signal set_robust_list get_robust_list",
    # tracing: no more than what the same user may do anyway, since Linux 4.8 (a tracer cannot outwit a filter)
    "ptrace",
    # scheduling
    "sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max "
    "sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_getaffinity "
    "sched_setattr sched_getattr futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue",
    # users and capabilities: the kernel asks for CAP_SETUID and its like
    "getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid "
    "setfsuid setfsgid setgroups getuid32 geteuid32 getgid32 getegid32 getresuid32 getresgid32 getgroups32 setuid32 "
    "setgid32 setreuid32 setregid32 setresuid32 setresgid32 setfsuid32 setfsgid32 setgroups32 capget capset",
    # signals
    "kill tkill tgkill signal sigaction sigprocmask sigpending sigsuspend sigreturn sigaltstack sgetmask ssetmask "
    "rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigreturn rt_sigtimedwait rt_sigtimedwait_time64 "
    "rt_sigqueueinfo rt_tgsigqueueinfo pause signalfd signalfd4",
    # waiting for several things
    "select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl "
    "epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 inotify_init inotify_init1 "
    "inotify_add_watch inotify_rm_watch fanotify_mark io_setup io_destroy io_submit io_cancel io_getevents "
    "io_pgetevents io_pgetevents_time64",
    # time: reading it, and waiting for it; adjtimex reads too, and the kernel asks for CAP_SYS_TIME to set
    "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
    "clock_nanosleep_time64 nanosleep alarm getitimer setitimer timer_create timer_settime timer_settime64 "
    "timer_gettime timer_gettime64 timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_settime64 "
    "timerfd_gettime timerfd_gettime64 adjtimex clock_adjtime clock_adjtime64",
    # the network (socket has rules of its own below)
    "socketpair bind connect listen accept accept4 getsockname getpeername sendto send recvfrom recv sendmsg sendmmsg "
    "recvmsg recvmmsg recvmmsg_time64 shutdown setsockopt getsockopt",
    # System V and POSIX IPC: the IPC namespace keeps it inside
    "ipc shmget shmat shmdt shmctl semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl "
    "mq_open mq_unlink mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr",
    # making oneself smaller
    "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_list_modules",
    # chance
    "getrandom",
)

# ---- allowed with one of these capabilities: the kernel asks for it too, so the filter only says it sooner

NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
WITH = {
    # mounts, namespaces and the names in them; clone3 because its flags lie in memory, where no filter sees them
    "CAP_SYS_ADMIN": "mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount "
                     "fspick pivot_root setns unshare clone3 sethostname setdomainname quotactl quotactl_fd "
                     "fanotify_init lookup_dcookie bpf perf_event_open syslog lsm_set_self_attr listns",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    # opens a file by its number, past every directory that would forbid it: how a container once read the host's files
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_PTRACE": "process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd",
    "CAP_SYS_NICE": "mbind get_mempolicy set_mempolicy set_mempolicy_home_node move_pages migrate_pages",
    "CAP_SYS_TIME": "settimeofday stime clock_settime clock_settime64",
    "CAP_SYS_MODULE": "init_module finit_module delete_module",
    "CAP_SYS_BOOT": "reboot kexec_load kexec_file_load",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_RAWIO": "iopl ioperm",
    "CAP_SYS_TTY_CONFIG": "vhangup",
}

# ---- refused, whatever the capabilities

REFUSED = (
    # keys have no namespace: another container's of the same user could be read
    "add_key request_key keyctl",
    # large, new code of the kernel, from which the last years' ways out of containers came
    "io_uring_setup io_uring_enter io_uring_register userfaultfd",
    # the whole machine's
    "swapon swapoff nfsservctl _sysctl sysfs ustat uselib bdflush",
    # the processor's old modes and its segments
    "vm86 vm86old modify_ldt",
)
# Probes of the kernel's own, and names for which no kernel of today has a call.
GONE = ("uretprobe uprobe create_module get_kernel_syms query_module getpmsg putpmsg afs_syscall tuxcall security "
        "vserver break stty gtty ftime prof lock mpx ulimit profil idle pciconfig_iobase "
        "pciconfig_read pciconfig_write")

# ---- by argument

# Execution domains: Linux, Linux on 32 bits, each also as version 2.6; and the question which one it is.
DOMAINS = (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)
# Kernel cryptography (AF_ALG) and what has a higher number: no network of the container's, much code. The other one
# that is not in a network namespace, AF_VSOCK (40), would lead to the hypervisor.
AF_ALG, EPERM, ENOSYS = 38, 1, 38


def make_profile(capabilities: frozenset[str]) -> "Profile":
    """A profile for these capabilities ("CAP_CHOWN"), as the runtime specification has it (linux.seccomp)."""
    allowed = " ".join([*ALLOWED, *(names for name, names in WITH.items() if name in capabilities)]).split()
    kept = frozenset(allowed)
    refused = [name for names in [*WITH.values(), *REFUSED] for name in names.split() if name not in kept]
    admin = "CAP_SYS_ADMIN" in capabilities
    return {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": ENOSYS,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        "syscalls": [
            {"names": sorted(kept), "action": "SCMP_ACT_ALLOW"},
            {"names": sorted({*refused} - {"clone3"}), "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM},
            *([{"names": ["clone"], "action": "SCMP_ACT_ALLOW"}] if admin else clone_rules()),
            *socket_rules(), *domain_rules(),
        ],
    }


def clone_rules() -> "list[Profile]":
    """clone without the flags that make namespaces; the first argument has them, on all of these architectures.

    Above all a user namespace would give all capabilities in it, and with them all of the kernel that they open.
    """
    bits = [1 << bit for bit in range(32) if NAMESPACES >> bit & 1]
    return [by_argument("clone", 0, "MASKED_EQ", NAMESPACES, 0),
            *(by_argument("clone", 0, "MASKED_EQ", bit, bit, EPERM) for bit in bits)]


def socket_rules() -> "list[Profile]":
    """socket, by its family. Compared as a number of 64 bits: what is put into the upper half is refused too.

    One rule, so the others get the default's ENOSYS: libseccomp, and so runc, takes no second action for the argument
    that it has to give up on i386 for socketcall's.
    """
    return [by_argument("socket", 0, "LT", AF_ALG, 0)]


def domain_rules() -> "list[Profile]":
    """personality, by its argument: the others weaken how memory is laid out, or are other systems' worlds."""
    return [*(by_argument("personality", 0, "EQ", domain, 0) for domain in DOMAINS)]


def by_argument(name: str, index: int, operator: str, value: int, second: int, errno: int = 0) -> "Profile":
    """A rule for one argument of a call; it allows, where no errno is given."""
    condition = {"index": index, "op": f"SCMP_CMP_{operator}", "value": value, "valueTwo": second}
    return {"names": [name], "args": [condition],
            **({"action": "SCMP_ACT_ERRNO", "errnoRet": errno} if errno else {"action": "SCMP_ACT_ALLOW"})}
