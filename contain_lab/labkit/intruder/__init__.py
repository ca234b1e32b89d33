"""The intruder: a small program of attacks, and a board that says which of them work.

attacks   the table: what each attack does, the command, how its success is seen, which steps hold it
stage     a machine's stand-in, made anew for each attack: namespaces, a neighbour, secrets, a disk
board     every attack by a plain process and from a container, and the score

An attack is a few words of shell, so that the same text runs in a container and outside. Whether it worked is
seen from the stage: by a secret that it told, by what is no longer as it was, or by a call that was not refused.
"""
