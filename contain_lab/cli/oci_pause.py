"""`contain-lab-runtime pause` and `resume`."""

from contain_lab.container import pausing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.cli.oci import Given


def do_pause(root: str, given: "Given", name: str) -> None:
    """pause: let all its processes stand still."""
    pausing.pause(root, name)


def do_resume(root: str, given: "Given", name: str) -> None:
    """resume: let them go on."""
    pausing.resume(root, name)
