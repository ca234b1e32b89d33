"""Huge pages: how many bytes of them a group may have, by their size. admin-guide/cgroup-v2.rst, "HugeTLB"."""

from contain_lab import cgroups


def set_hugepage_limit(name: str, size: str, limit: int) -> None:
    """Limit the huge pages of one size, "2MB", that a group may have, in bytes."""
    cgroups.put("hugetlb", name, (f"hugetlb.{size}.max", limit), (f"hugetlb.{size}.limit_in_bytes", limit))
