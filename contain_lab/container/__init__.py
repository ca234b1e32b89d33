"""A container from a bundle: the verbs of the runtime specification, and the list of steps that a start is.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/runtime.md. The room in one walk: `plan` turns a spec into
rows of steps; `launch` makes the child and runs the parent's rows, `inside` the child's; `verbs` are
create, start, state, kill, delete and run; `state` is what is kept of a container between them; `process` and
`console` hold the steps of the last stretch; `entering` is exec, `hooks` runs the programs that a config names. A
container knows no images and no networks.
"""
