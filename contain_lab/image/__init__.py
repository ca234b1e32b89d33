"""Images: the store, and the two recipes that make an image from this machine's own packages.

An image is a folder below `files.data_dir()/images/` with a root file system and an OCI image-spec
configuration (https://github.com/opencontainers/image-spec/blob/main/config.md).
`image.bootstrap` makes them.

Invariants: a folder with an image's name is a whole image, for it is made under another name and renamed;
what begins with `cl-` is being made, or was left by a command that was killed; the only programs run are
busybox, apt-get, dpkg-deb and tar, and the only network is the package mirror that apt knows.
"""

from contain_lab.image.store import Image, find, images, size, sweep

__all__ = ["Image", "find", "images", "size", "sweep"]
