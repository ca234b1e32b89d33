"""The lab kit: notebooks from one source per lab, checks that look at the kernel, their run under nbval.

table           which lab builds which steps, and what its checks are worth
generator       solutions/NN_concept.py -> labs/ and solutions/NN_concept.ipynb
nbval_plugin    what nbval 0.11.0 gets wrong for these labs, repaired
"""
