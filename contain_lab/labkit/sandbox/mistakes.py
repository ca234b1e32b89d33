"""Known mistakes: what the kernel's refusal of a call tells of the lines before it."""

# what the refusal begins with, its errno, a word that is in it, a word that is not, the message
MISTAKES = (
    ("move_mount(", "EINVAL", "", "", "not_detached"),
    ("open_tree(", "EINVAL", "AT_RECURSIVE", "OPEN_TREE_CLONE", "not_copied"),
    ("mount_setattr(", "EINVAL", "", "", "not_copied"),
    ('pivot_root(".",', "ENOENT", "", "", "detached_root"),
    ("mount(NULL, ", "EINVAL", ", NULL, MS_REC, NULL)", "", "no_propagation"),
)


def known(said: str) -> str:
    """The id of the message for a refusal, as the student's process told it; "raised" where its cause is not known."""
    for call, errno, word, other, message in MISTAKES:
        if said.startswith(call) and f"({errno})" in said and word in said and not (other and other in said):
            return message
    return "raised"
