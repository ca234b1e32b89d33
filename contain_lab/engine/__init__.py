"""What `contain-lab run IMAGE` does: an image, a layer above it, a spec, a container; and what people do to its steps.

preparing   an image and what is asked for become a plan; nothing is done
running     a plan is run, in the foreground, or in a process apart
looking     steps are explained, recorded, skipped, replaced
clearing    what killed commands left is removed
"""

from contain_lab.engine.clearing import clean
from contain_lab.engine.looking import change, explain, record, rooms
from contain_lab.engine.preparing import prepare
from contain_lab.engine.running import run, run_apart

__all__ = ["change", "clean", "explain", "prepare", "record", "rooms", "run", "run_apart"]
