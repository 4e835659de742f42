"""Exercises for a course: students write the bprop of a box, and the checker says what is wrong in their words."""

from flowgraph.teaching.exercise import Exercise as Exercise
from flowgraph.teaching.exercise import Mistake as Mistake
from flowgraph.teaching.exercises import exercise as exercise
from flowgraph.teaching.exercises import names as names
from flowgraph.teaching.exercises import solution as solution
from flowgraph.teaching.grading import Grade as Grade
from flowgraph.teaching.grading import grade as grade
