"""Names that people can say: an adjective and a noun, of what is kind and what lives outdoors."""

import os

from contain_lab.errors import UsageError

ADJECTIVES = (
    "able agile amber bold brave bright brisk calm careful cheerful clear clever cosy curious daring deft eager early "
    "fair fine fond free fresh friendly gentle glad golden good grand great happy hardy helpful honest hopeful humble "
    "jolly keen kind light lively loyal lucky mellow merry mild modest neat nimble noble patient playful plucky polite "
    "proud quick quiet ready rosy shiny silent simple smart sober solid steady sunny swift tidy true trusty useful "
    "warm wise witty").split()
NOUNS = (
    "acorn aspen badger beaver beech birch bison brook cedar clover comet coral crane cricket dolphin dove eagle elk "
    "falcon fern finch forest fox gecko glacier goose harbor hare hawk hazel hedgehog heron hill ibis island ivy jay "
    "juniper kestrel lake lark lemur linden lotus lynx maple marten meadow moon moss oak orchid osprey otter owl panda "
    "pebble penguin pine poppy puffin quail raven reef river robin rowan salmon sparrow squirrel star stork swan "
    "thistle tiger tortoise tulip valley walrus whale willow wren").split()
FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
LETTERS = FIRST | frozenset("_.-")
LONGEST = 128


def make_name() -> str:
    """A name drawn at random: "brave_otter"."""
    draw = int.from_bytes(os.urandom(4))
    return f"{ADJECTIVES[draw % len(ADJECTIVES)]}_{NOUNS[draw // len(ADJECTIVES) % len(NOUNS)]}"


def check_name(name: str) -> str:
    """See that a name can be a container's. Errors: UsageError."""
    if not name or name[0] not in FIRST or not set(name) <= LETTERS or len(name) > LONGEST:
        raise UsageError(f"container name {name!r}: letters, digits and _ . - may stand in it",
                         f"a letter or digit comes first, and it has at most {LONGEST}")
    return name
