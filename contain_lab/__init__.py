"""contain_lab: a container runtime to be built by a student, and the same one written well."""
