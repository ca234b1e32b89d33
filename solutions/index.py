# %% [markdown] id="title"
# # Build a container runtime
#
# In this course you write the program that starts containers, one mechanism of the Linux kernel at a time. What you
# write is kept in a package of your own, `my_runtime`. From lab 01 on it starts real containers, and Podman takes it.
#
# You need a semester of Python and C: functions, exceptions, what a process is, what a system call is. You need a
# Linux machine on which you are root, or, for most labs, one that lets an ordinary user make user namespaces.
# `../.venv/bin/contain-lab doctor`, in a terminal here (*File → New → Terminal*), says what yours can do.

# %% [markdown] id="how"
# ## How a lab goes
#
# A lab opens with an attack that works and ends with the same attack held by your own step. In between:
#
# - **Recall, Predict, Order**: you answer before you see. Wrong answers cost nothing, and they are how one learns.
# - **Run, Explain**: worked examples on your own machine. What you see is what your kernel said.
# - **Build, Check**: you write a step of at most a dozen lines. The check asks the kernel from outside, takes any correct
#   way, and tells you what it saw, what it expected, why, and where to look. `hint("…")` helps in four steps.
# - **Break it, Measure, In the wild**: what goes wrong without it, what it costs, and how runc and crun do it.
# - **Clean up**: a count of what is left on the machine. It must be nothing.
#
# Nothing that you write can harm the machine: your steps run in a sandbox. Steps that you have not written are ours, so
# you may skip a lab and come back. Each exercise says **easy**, **moderate** or **hard**, and how long it takes.

# %% [markdown] id="labs"
# ## The labs
#
# Begin with [lab 00](00_process.ipynb).
#
# {labs}
#
# Every lab needs *privileges* (root, or an ordinary user who may make user namespaces) and the image `busybox`, which
# the set-up makes. What else it needs stands in the last column, by the names that `contain-lab doctor` has for it: that
# says whether your machine has it.
#
# ## The way ahead
#
# These labs are not written yet. They are to come in this order:
#
# {ahead}

# %% [markdown] id="fast-track"
# ## The two-hour fast track
#
# You have one afternoon, and want to know what a container is and start one that is yours. No lab needs an earlier one.
# Read what is named here. Where that is in the middle of a lab, run the cells above it first (*Run → Run All Above
# Selected Cell*).
#
# | time | do |
# |---|---|
# | 25 min | lab 00 down to *Break it*: a container from both sides, its timeline, the slider |
# | 20 min | lab 01, the three *Build* sections: a name of its own |
# | 20 min | lab 03, *Build: a child in new namespaces* and *Build: an init* |
# | 25 min | lab 04, from *A root is a mount* to *Build: the pivot*: a root of its own |
# | 15 min | lab 05, *Build: cut it off* and *A new /proc*: who hears of a mount, and what `/proc` is |
# | 15 min | lab 07, its first cell and *Podman runs mine*: Podman starts a container on what you have written |

# %% [markdown] id="where"
# ## Where you stand
#
# Your steps and the checks that have passed are kept in `my_runtime`, beside the notebooks. A copy of that folder is a
# copy of your work.

# %% id="standing"
from contain_lab.labkit import *
where_i_stand()
