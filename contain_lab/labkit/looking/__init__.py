"""What the kernel shows of a process, from outside: below /proc, and in its namespaces."""
