"""The image `debian`: a small Debian or Ubuntu with Python in it, from the package mirror that this machine's apt knows.

apt-get chooses, downloads and verifies the packages as if nothing were installed, dpkg-deb and tar unpack
them; no maintainer script runs, so nothing is mounted, no chroot is entered, and an ordinary user can do it.
What the scripts would have done, as far as programs miss it, is in COPIES and LINKS. Works the same way with
Debian 12, Debian 13 and Ubuntu 24.04, whose packages have these names.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable

from contain_lab.errors import ContainLabError

PACKAGES = (
    "base-files base-passwd bash coreutils dash findutils grep gzip hostname libc-bin libpython3-stdlib mawk "
    "mount ncurses-base procps python3-minimal sed tar util-linux"
).split()
ASSUMED = (
    "debconf dpkg init-system-helpers install-info libdebconfclient0 libnsl2 libpam-runtime libtirpc3 libtirpc3t64 "
    "perl-base readline-common usr-is-merged"
).split()
"""What only maintainer scripts need, or a rarely imported module of Python (nis): apt is told that it is there."""

LEFT_OUT = "doc info lintian bug locale man perl5 bash-completion".split()
"""Folders of /usr/share that are not unpacked."""

MERGED = ("bin", "sbin", "lib", "lib64")
"""Links into /usr; Debian 12 has them made by a script, and its packages still ship files below /bin."""

COPIES = {
    "usr/share/base-passwd/passwd.master": "etc/passwd",
    "usr/share/base-passwd/group.master": "etc/group",
    "usr/share/base-files/nsswitch.conf": "etc/nsswitch.conf",
    "usr/share/base-files/profile": "etc/profile",
    "usr/share/base-files/dot.bashrc": "root/.bashrc",
    "usr/share/base-files/dot.profile": "root/.profile",
}
LINKS = {"usr/bin/awk": "mawk"}

TOOLS = {"apt-get": "apt", "dpkg-deb": "dpkg", "tar": "tar", "setpriv": "util-linux"}
NO_LISTS = ("Unable to locate package", "404  Not Found", "has no installation candidate")
"""apt's words when its lists of packages were never fetched, or are older than the mirror."""

WAYS_OUT = {
    "No space left": "free some space, or let CONTAIN_LAB_DATA name a folder elsewhere",
    "don't have enough free space": "free some space, or let CONTAIN_LAB_DATA name a folder elsewhere",
    "Unable to locate package": "apt-get update, with a mirror of Debian 12, 13 or Ubuntu 24.04 in /etc/apt",
    "Failed to fetch": "the package mirror that /etc/apt names must be reachable; busybox needs none",
    "": "busybox needs no mirror: contain-lab image bootstrap busybox",
}


def fingerprint() -> str:
    """Changes with this machine's release and with this recipe (hexadecimal SHA-256)."""
    digest = hashlib.sha256()
    for path in ("/etc/os-release", __file__):
        if os.path.exists(path):
            with open(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()


def build(folder: str, report: Callable[[str], None]) -> None:
    """Fill `folder/rootfs`; ContainLabError where a tool, the mirror or space is missing."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        packages = " ".join(TOOLS[tool] for tool in missing)
        raise ContainLabError(f"image 'debian': {', '.join(missing)} not found", f"needs Debian or Ubuntu with {packages}")
    root, work = os.path.join(folder, "rootfs"), os.path.join(folder, "packages")
    os.makedirs(os.path.join(work, "lists/partial"))
    packages = _download(work, report)
    report(f"unpacking {len(packages)} packages…")
    for name in MERGED:
        os.makedirs(os.path.join(root, "usr", name), exist_ok=True)
        os.symlink(f"usr/{name}", os.path.join(root, name))
    for package in packages:
        _unpack(package, root)
    _finish(root)
    shutil.rmtree(work)


def _download(work: str, report: Callable[[str], None]) -> list[str]:
    """Paths of the downloaded packages. With apt's own lists first; when they do not do, with fresh ones in `work`."""
    archives, apt = os.path.join(work, "archives"), _apt(work)
    os.makedirs(os.path.join(archives, "partial"))
    report(f"downloading {len(PACKAGES)} packages and what they need…")
    fetch = [*apt, "--yes", "--download-only", "install", *PACKAGES]
    done = _run(fetch)
    if done.returncode and any(words in done.stderr for words in NO_LISTS):
        report("fetching the mirror's lists of packages…")
        fresh = ["-o", f"Dir::State::lists={work}/lists"]
        _run([*apt, *fresh, "update"])  # one unreachable source among several makes it fail, and may not matter
        done = _run([*fetch, *fresh])
    if done.returncode:
        raise _failure("apt-get", done.stderr)
    return sorted(entry.path for entry in os.scandir(archives) if entry.name.endswith(".deb"))


def _apt(work: str) -> list[str]:
    """apt-get with a state of its own below `work`, in which ASSUMED and nothing else is installed."""
    entry = "Package: {}\nStatus: install ok installed\nVersion: 999\nArchitecture: all\nMulti-Arch: foreign\n\n"
    with open(os.path.join(work, "status"), "w", encoding="utf-8") as file:
        file.write("".join(entry.format(name) for name in ASSUMED))
    options = {
        "Dir::State::status": f"{work}/status",
        "Dir::State::extended_states": f"{work}/extended_states",
        "Dir::Cache::archives": f"{work}/archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "1",
        "APT::Install-Recommends": "0",
    }
    return ["apt-get", "--quiet", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]


def _unpack(package: str, root: str) -> None:
    """Unpack one package, through the links of a merged /usr, without what LEFT_OUT names."""
    excluded = [f"--exclude=./usr/share/{name}/*" for name in LEFT_OUT]
    tar = ["tar", "-x", "-p", "--numeric-owner", "--keep-directory-symlink", "-C", root, *excluded]
    with subprocess.Popen(_tied(["dpkg-deb", "--fsys-tarfile", package]), stdout=subprocess.PIPE) as reader:
        done = subprocess.run(_tied(tar), stdin=reader.stdout, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode or reader.returncode:
        raise _failure(f"unpack {os.path.basename(package)}", done.stderr or "dpkg-deb: damaged package")


def _finish(root: str) -> None:
    """Do what the packages' scripts would have done."""
    for source, place in COPIES.items():
        if os.path.exists(os.path.join(root, source)):
            shutil.copyfile(os.path.join(root, source), os.path.join(root, place))
    for place, target in LINKS.items():
        if not os.path.lexists(os.path.join(root, place)):
            os.symlink(target, os.path.join(root, place))
    os.chmod(root, 0o755)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_tied(command), capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})


def _tied(command: list[str]) -> list[str]:
    """The command, killed when this thread dies: a bootstrap that is killed leaves nobody writing to its folder."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command]


def _failure(what: str, stderr: str) -> ContainLabError:
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith("W:")] or ["no reason given"]
    said = next((line for line in lines if line.startswith("E:")), lines[-1]).removeprefix("E: ")
    hint = next(hint for words, hint in WAYS_OUT.items() if words in stderr)
    return ContainLabError(f"image 'debian': {what}: {said}", hint)
