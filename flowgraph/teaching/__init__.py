"""Exercises for a course: students write the bprop of a box, and the checker says what is wrong in their words."""

from flowgraph.teaching.exercises import Exercise, Mistake, exercise, names, solution
from flowgraph.teaching.grading import Grade, grade

__all__ = ["Exercise", "Grade", "Mistake", "exercise", "grade", "names", "solution"]
