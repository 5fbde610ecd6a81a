"""The hyper-parameters of each task, in a file named like the task's.

They import no PyTorch, so that the command line can offer them at once.
"""
