"""Training on several devices, on one host and on two: the numbers of one device, also after a kill."""

import json
import os
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import ShapeError, UnsupportedError, UsageError
from flowgraph.interop.jax import Placement
from tests.registry import unregistered

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

DEVICES = 8


def start(**settings):
    command = [sys.executable, "-m", "tests.training.on_devices", json.dumps(settings)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def result(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def on_hosts(**settings):
    port = free_port()
    return [start(hosts=2, host=host, port=port, devices=4, **settings) for host in (0, 1)]


@pytest.fixture(scope="module")
def alone():
    """The training on one device."""
    return result(start())


def assert_same(found, expected):
    for what in ("objectives", "parameters"):
        np.testing.assert_allclose(found[what], expected[what], rtol=1e-11, atol=1e-13)


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("use", ["devices", "mesh", "weights"])
def test_eight_devices_agree_with_one(alone, use):
    """100 examples in batches of 16: the last batch of each epoch has 4, for which there are too many devices."""
    found = result(start(devices=DEVICES, use=use))
    assert found["devices"] == DEVICES
    assert_same(found, alone)


def test_one_device_of_jax_agrees_with_numpy(alone):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 6))
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    mlp = fg.MLP([6, 16, 3], rng=0, dropout=0.2)
    history = fg.fit(mlp, (x, y), (x[:50], y[:50]), batch_size=16, seed=1, epochs=3, progress=False)
    found = [value for epoch in history.epochs for value in (epoch.train_objective, epoch.valid_objective)]
    np.testing.assert_allclose(found, alone["objectives"], rtol=1e-11)


@pytest.mark.sampled(one_in=8)
@pytest.mark.parametrize("use", ["mesh", "weights"])
def test_two_hosts_agree_with_one_device_and_go_on_after_a_kill(alone, use, tmp_path):
    for found in map(result, on_hosts(use=use)):
        assert found["devices"] == DEVICES
        assert_same(found, alone)
    path = str(tmp_path / "checkpoint.safetensors")
    killed = on_hosts(use=use, checkpoint=path, kill=9)
    for process in killed:
        process.communicate(timeout=300)
    assert {process.returncode for process in killed} <= {-signal.SIGKILL, -signal.SIGABRT, 1}
    assert killed[0].returncode == -signal.SIGKILL
    whole = (tmp_path / "checkpoint.safetensors").read_bytes()
    assert_same(result(start(devices=DEVICES, use=use, checkpoint=path)), alone)
    (tmp_path / "checkpoint.safetensors").write_bytes(whole)
    assert_same(result(start(use="none", checkpoint=path)), alone)
    (tmp_path / "checkpoint.safetensors").write_bytes(whole)
    for found in map(result, on_hosts(use=use, checkpoint=path)):
        assert_same(found, alone)


def data(n=32):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), np.arange(n) % 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 1}, "found devices= with backend='numpy', needs backend=\"jax\""),
        ({"devices": 99, "backend": "jax"}, r"found devices=99, needs a number from 1 to \d+: \d+ of 'cpu'"),
        ({"devices": "tpu", "backend": "jax"}, "found devices='tpu', needs some of this machine: "),
        ({"devices": True, "backend": "jax"}, "found devices=True, needs a number of devices or a list of them"),
        ({"devices": [], "backend": "jax"}, r"found devices=\[\], needs a number of devices"),
        ({"mesh": "data", "backend": "jax"}, "found a str as the mesh, needs a jax.sharding.Mesh"),
        ({"mesh": "data", "devices": 1, "backend": "jax"}, "found mesh= and devices=, needs one of the two"),
        ({"backend": "jaxx"}, "found backend='jaxx', needs 'numpy', 'numba', 'jax' or 'javascript'"),
    ],
)
def test_a_wrong_device_is_refused_before_the_first_step(options, message):
    mlp = fg.MLP([4, 5, 3], rng=0)
    before = mlp.weights[0].value.copy()
    with pytest.raises(UsageError, match=message):
        fg.fit(mlp, data(), epochs=1, progress=False, **options)
    np.testing.assert_array_equal(mlp.weights[0].value, before)


def mesh_of(count, monkeypatch):
    """A mesh that says that it has more devices than there are here, for what is refused before any is used."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
    placement = Placement(mesh)
    monkeypatch.setattr(Placement, "parts", property(lambda self: count))
    return placement


def test_a_mesh_that_does_not_divide_the_batch_is_refused_before_the_first_step(monkeypatch):
    placement = mesh_of(5, monkeypatch)
    with pytest.raises(UsageError, match=r"found batches of 16 examples for 5 devices.*batch_size= a multiple of 5"):
        fg.fit(fg.MLP([4, 5, 3], rng=0), data(), batch_size=16, backend="jax", mesh=placement, progress=False)
    x = fg.Input("x", shape=("N", 4))
    with pytest.raises(ShapeError, match=r"found 16 examples in 'x', which the 5 devices along 'data'.*multiple of 5"):
        fg.compile([x * 2], backend="jax", mesh=placement)(x=data(16)[0])
    with pytest.raises(UsageError, match="no input whose first axis has a name"):
        fg.compile([fg.Input("x", shape=(16, 4)) * 2], backend="jax", mesh=placement)(x=data(16)[0])


def test_weights_that_the_mesh_does_not_divide_are_refused():
    mesh, spec = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",)), jax.sharding.PartitionSpec
    w = fg.Parameter(np.zeros((4, 3)), name="w")
    with pytest.raises(UsageError, match=r"(?s)Parameter 'w'.*the mesh has no axis 'model'.*built at"):
        Placement(mesh, {w: spec("model")})
    with pytest.raises(UsageError, match=r"has 2 axes, and .* divides more"):
        Placement(mesh, {w: spec(None, None, "data")})
    with pytest.raises(UsageError, match="needs a dict of parameters"):
        Placement(mesh, {w: "model"})
    with pytest.raises(UsageError, match="found axis='batch', needs one of the mesh: data"):
        Placement(mesh, axis="batch")


def test_a_box_without_a_twin_is_refused_before_a_parameter_changes():
    with unregistered():

        class Loop(fg.Elementwise):
            def fprop(self, a):
                return np.vectorize(float, otypes=[float])(a)

            def bprop(self, grad, h, a):
                return (grad,)

    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    loss = fg.mean(Loop(x * w, name="loop") ** 2)
    with pytest.raises(UnsupportedError, match=r"(?s)Loop 'loop': JAX cannot compute it.*built at test_devices.py"):
        fg.fit(loss, {x: np.arange(8.0)}, epochs=1, backend="jax", progress=False, checks=False)
    assert w.value == 1.0
