"""Ctrl-C ends a training after its step, with the best parameters; it can go on."""

import signal

import numpy as np
import pytest

import flowgraph as fg
from tests.training.test_trainer import network


def test_control_c_ends_after_the_step_with_the_best_parameters():
    best = []

    class Press(fg.Callback):
        def on_step(self, trainer):
            if trainer.updates == 13:
                signal.raise_signal(signal.SIGINT)

        def on_stop(self, trainer):
            best.append(trainer.lookout.parameters)

    trainer = network()
    history = trainer.run(9, [Press()])
    assert trainer.updates == 13
    assert history.ended == "ended: interrupted"
    for name, value in best[0].items():
        assert np.array_equal(trainer.values()[name], value)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_twice_ends_at_once():
    class Press(fg.Callback):
        def on_step(self, trainer):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        network().run(9, [Press()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupted_training_goes_on():
    class Press(fg.Callback):
        def on_step(self, trainer):
            if trainer.updates == 7:
                signal.raise_signal(signal.SIGINT)

        def on_stop(self, trainer):
            states.append(trainer.state())

    states = []
    network().run(4, [Press()])
    second = network()
    second.restore(states[0])
    assert second.run(4)["valid_loss"] == network().run(4)["valid_loss"]
