"""The image `debian`: a small Debian or Ubuntu with Python in it, from the mirror that apt knows here.

apt-get chooses, downloads and verifies the packages as if nothing were installed, dpkg-deb and tar unpack
them; no maintainer script runs, so nothing is mounted, no chroot is entered, and an ordinary user can do it.
What the scripts would have done, as far as programs miss it, is in COPIES and LINKS. Works the same way with
Debian 12, Debian 13 and Ubuntu 24.04, whose packages have these names.
"""

import os
import shutil
import subprocess
from collections.abc import Callable

from contain_lab import files
from contain_lab.errors import ContainLabError

PACKAGES = (
    "base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "gzip", "hostname",
    "libc-bin", "libpython3-stdlib", "mawk", "mount", "ncurses-base", "procps", "python3-minimal",
    "sed", "tar", "util-linux",
)
ASSUMED = (
    "debconf", "dpkg", "init-system-helpers", "install-info", "libdebconfclient0", "libnsl2",
    "libpam-runtime", "libtirpc3", "libtirpc3t64", "perl-base", "readline-common", "usr-is-merged",
)
"""What only maintainer scripts need, or Python's module nis: apt is told that it is there."""

LEFT_OUT = ("share/doc/*", "share/info/*", "share/lintian/*", "share/locale/*", "share/man/*", "lib/*/gconv")
"""What is not unpacked, below /usr."""

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
}
"""What apt and tar say, and what the reader can do; the first that fits."""

NO_MIRROR_NEEDED = "busybox needs no mirror: contain-lab image bootstrap busybox"


def sources() -> list[str]:
    """The files that decide what the image is: the distribution's release, and this recipe."""
    return ["/etc/os-release", __file__]


def build(folder: str, report: Callable[[str], None]) -> None:
    """Fill `folder/rootfs`; ContainLabError where a tool, the mirror or space is missing."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        packages = " ".join(TOOLS[tool] for tool in missing)
        hint = f"it is made on Debian or Ubuntu, with {packages}"
        raise ContainLabError(f"image 'debian': {', '.join(missing)} not found", hint)
    root, work = os.path.join(folder, "rootfs"), os.path.join(folder, "packages")
    os.makedirs(os.path.join(work, "lists/partial"))
    archives = _download(work, report)
    report(f"unpacking {len(archives)} packages…")
    for name in MERGED:
        os.makedirs(os.path.join(root, "usr", name), exist_ok=True)
        os.symlink(f"usr/{name}", os.path.join(root, name))
    for archive in archives:
        _unpack(archive, root)
    _finish(root)
    shutil.rmtree(work)


def _download(work: str, report: Callable[[str], None]) -> list[str]:
    """Paths of the downloaded packages: by the host's lists of packages, or by fresh ones in `work`."""
    archives, apt = os.path.join(work, "archives"), _apt(work)
    os.makedirs(os.path.join(archives, "partial"))
    report(f"downloading {len(PACKAGES)} packages and what they need…")
    fetch = [*apt, "--yes", "--download-only", "install", *PACKAGES]
    done = _run(fetch)
    if done.returncode and any(words in done.stderr for words in NO_LISTS):
        report("fetching the mirror's lists of packages…")
        fresh = ["-o", f"Dir::State::lists={work}/lists"]
        _run([*apt, *fresh, "update"])  # it also fails for a source that does not matter, so `fetch` judges
        done = _run([*fetch, *fresh])
    if done.returncode:
        raise _failure("apt-get", done.stderr)
    packages = sorted(entry.path for entry in os.scandir(archives) if entry.name.endswith(".deb"))
    if not packages:  # a mirror of file: is read where it is
        raise _failure("apt-get", "no package was downloaded")
    return packages


def _apt(work: str) -> list[str]:
    """apt-get with a state of its own below `work`, in which ASSUMED and nothing else is installed."""
    fields = "Status: install ok installed\nVersion: 999\nArchitecture: all\nMulti-Arch: foreign\n"
    files.write(f"{work}/status", "".join(f"Package: {name}\n{fields}\n" for name in ASSUMED), 0o644)
    options = {
        "Dir::State::status": f"{work}/status",
        "Dir::State::extended_states": f"{work}/extended_states",
        "Dir::Cache::archives": f"{work}/archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "1",
        "APT::Install-Recommends": "0",
    }
    return ["apt-get", "--quiet", *(f"-o{key}={value}" for key, value in options.items())]


def _unpack(package: str, root: str) -> None:
    """Unpack one package, through the links of a merged /usr, without what LEFT_OUT names."""
    excluded = [f"--exclude=./usr/{path}" for path in LEFT_OUT]
    tar = ["tar", "-x", "-p", "--numeric-owner", "--keep-directory-symlink", "-C", root, *excluded]
    read = tied(["dpkg-deb", "--fsys-tarfile", package])
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        done = subprocess.run(tied(tar), stdin=reader.stdout, stderr=subprocess.PIPE, text=True, check=False)
        said = reader.communicate()[1].decode(errors="replace")
    if done.returncode or reader.returncode:
        raise _failure(f"unpack {os.path.basename(package)}", done.stderr + said)


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
    words = {**os.environ, "LC_ALL": "C"}  # NO_LISTS and WAYS_OUT know apt's English
    return subprocess.run(tied(command), capture_output=True, text=True, check=False, env=words)


def tied(command: list[str]) -> list[str]:
    """The command, killed when this thread dies: nobody writes to the folder of a bootstrap that is gone."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command]


def _failure(what: str, stderr: str) -> ContainLabError:
    """The first line of stderr that has a way out, else apt's first error, else the last line."""
    lines = [line for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    words = next((words for words in WAYS_OUT if words in stderr), "E: ")
    said = next((line for line in lines if words in line), lines[-1]).removeprefix("E: ")
    return ContainLabError(f"image 'debian': {what}: {said}", WAYS_OUT.get(words, NO_MIRROR_NEEDED))
