"""From examples to a tested network in a run folder, what `flowgraph train` does; and the demo, on digits."""

from flowgraph.experiment.experiment import Experiment, trade_off
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.settings import TrainSettings
from flowgraph.experiment.training import Outcome, resume_training, train

__all__ = ["Experiment", "Outcome", "RunFolder", "TrainSettings", "resume_training", "trade_off", "train"]
