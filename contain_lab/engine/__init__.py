"""What `contain-lab run IMAGE` does: an image, a layer above it, a spec, a container; and what people do to its steps.

asked       what a person may ask for, and how it is read          users   their names, as the container has them
preparing   an image and what is asked for become a plan; nothing is done
running     a plan is run, in the foreground, or in a process that stays, or in one apart
records     what is kept of a container                            names   that people can say
handling    signals, one more process, removal                     telling what `ps` and `inspect` say
looking     steps are explained, recorded, skipped, replaced
clearing    what killed commands left is removed
"""

from contain_lab.engine.asked import Asked, asked_of
from contain_lab.engine.clearing import clean
from contain_lab.engine.looking import change, explain, record, rooms
from contain_lab.engine.preparing import prepare
from contain_lab.engine.running import run, run_apart, run_detached

__all__ = ["Asked", "asked_of", "change", "clean", "explain", "prepare", "record", "rooms", "run", "run_apart",
           "run_detached"]
