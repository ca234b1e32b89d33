"""The checks: what each looks at, in one file per topic, whose table CHECKS leads from the id to the function.

A check is called in the judge, with a `Judge` that makes sandboxes and fresh names. It lets the student's process
do something, looks at the kernel from outside, and raises `Failed` with the id of a message when it does not accept
what it sees; it returns the values of the gaps of the sentence for success. It accepts every correct way.
"""
