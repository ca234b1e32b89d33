"""RDMA: how many handles and objects of an InfiniBand device a group may have. admin-guide/cgroup-v2.rst, "RDMA"."""

from contain_lab import cgroups


def set_rdma_limit(name: str, device: str, handles: int, objects: int) -> None:
    """Limit the handles and objects of a device; -1 is no limit."""
    said = " ".join(f"{key}={'max' if each < 0 else each}" for key, each in
                    (("hca_handle", handles), ("hca_object", objects)))
    cgroups.put("rdma", name, ("rdma.max", f"{device} {said}"), ("rdma.max", f"{device} {said}"))
