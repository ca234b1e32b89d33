"""Grading: the points of a folder of submissions, without running a student's notebook.

submissions   whose notebooks are in the folder, and their bytes
notebook      bytes -> cells: ids, types and sources, nothing else
master        the solved notebook of a lab, and which cell answers which step
answers       steps out of cells, by reading them
rebuild       the master with the student's answers, and what had to be repaired
desk          where the steps lie that are judged
scores        each check by the judge, points from the table of labs
report        table, JSON, CSV, JUnit
feedback      what a student gets back: a page, and the notebook as it was rebuilt

Forms: nbformat 4, and nbgrader's cell metadata, schema 3. Invariants: what a student's notebook says of
points, outputs and checks is never looked at; a student's text is executed by the judge alone, in its
sandbox; the same submission gets the same grade.
"""
