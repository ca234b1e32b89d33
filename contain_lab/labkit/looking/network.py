"""The links of a network namespace, asked of the kernel there. man: rtnetlink(7), netlink(7).

`read_links` runs in the namespace and returns a plain list; `links` makes objects of it. pyroute2 does this and more;
it takes 130 ms to import, which a check has not.
"""

import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

RTM_GETLINK, RTM_GETADDR, NLMSG_ERROR, NLMSG_DONE = 18, 22, 2, 3
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_LINKINFO, IFLA_INFO_KIND = 1, 3, 4, 5, 18, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
AF_INET, AF_INET6 = 2, 10
IFF_UP, IFF_LOOPBACK, IFF_RUNNING = 1, 8, 0x40


class Link:
    """A network link. index: its number; kind: "veth", "bridge", "" for a loopback; flags: IFF_… of netdevice(7).

    up: whether IFF_UP is set; peer: the number of its other end, in that end's namespace, 0 for none; mac: "02:…";
    addresses: ("127.0.0.1/8", "::1/128").
    """

    def __init__(self, told: "dict[str, Any]") -> None:
        self.name, self.index, self.flags, self.kind = told["name"], told["index"], told["flags"], told["kind"]
        self.mtu, self.peer, self.mac = told["mtu"], told["peer"], told["mac"]
        self.addresses = tuple(told["addresses"])
        self.up = bool(self.flags & IFF_UP)


def links(told: "list[dict[str, Any]]") -> dict[str, Link]:
    """What `read_links` said, by name."""
    return {each["name"]: Link(each) for each in told}


def read_links() -> "list[dict[str, Any]]":
    """The links of this network namespace, as the fields of `Link`."""
    from _socket import inet_ntop

    found = {}
    for body in dump(RTM_GETLINK):
        index, flags = struct.unpack_from("=iI", body, 4)
        said = dict(attributes(body[16:]))
        kind = dict(attributes(said.get(IFLA_LINKINFO, b""))).get(IFLA_INFO_KIND, b"")
        peer = number(said.get(IFLA_LINK, b"")) if kind.rstrip(b"\0") == b"veth" else 0
        found[index] = {"name": said[IFLA_IFNAME].rstrip(b"\0").decode(), "index": index, "flags": flags,
                        "kind": kind.rstrip(b"\0").decode(), "mtu": number(said.get(IFLA_MTU, b"")), "peer": peer,
                        "mac": ":".join(f"{byte:02x}" for byte in said.get(IFLA_ADDRESS, b"")), "addresses": []}
    for body in dump(RTM_GETADDR):
        family, length, _, _, index = struct.unpack_from("=BBBBI", body)
        said = dict(attributes(body[8:]))
        address = said.get(IFA_LOCAL) or said.get(IFA_ADDRESS)
        if address and family in (AF_INET, AF_INET6):
            found[index]["addresses"].append(f"{inet_ntop(family, address)}/{length}")
    return list(found.values())


def dump(request: int) -> "Iterator[bytes]":
    """The bodies of the kernel's answers to a request for all of something."""
    from _socket import AF_NETLINK, SOCK_RAW, socket

    link = socket(AF_NETLINK, SOCK_RAW, 0)
    link.send(struct.pack("=IHHII16x", 32, request, NLM_F_REQUEST | NLM_F_DUMP, 1, 0))  # of any family
    kind = 0
    while kind not in (NLMSG_DONE, NLMSG_ERROR):
        data = link.recv(1 << 16)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                break
            yield data[16:length]
            data = data[length + 3 & ~3:]
    link.close()


def attributes(data: bytes) -> "Iterator[tuple[int, bytes]]":
    """The attributes in a part of a message: (type, value)."""
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[max(length, 4) + 3 & ~3:]


def number(data: bytes) -> int:
    """A 32 bit number in the machine's order, 0 for nothing."""
    return int.from_bytes(data, sys.byteorder)
