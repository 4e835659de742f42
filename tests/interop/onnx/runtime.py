"""onnxruntime, against which models are held, and other people's warnings kept out of the tests."""

import contextlib
import warnings

import numpy as np
import onnxruntime

onnxruntime.set_default_logger_severity(4)


def session_of(model):
    """A session on one thread, of a model or of the path of a file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = model if isinstance(model, str) else getattr(model, "SerializeToString", model.__str__)()
    return onnxruntime.InferenceSession(content, options)


def outputs_of(model, feeds):
    """The outputs of a model; what it does not read is left out of the feeds."""
    session = session_of(model)
    return session.run(None, {one.name: np.asarray(feeds[one.name]) for one in session.get_inputs()})


@contextlib.contextmanager
def quiet():
    """Without warnings, which are errors here: other packages give them where they build their examples."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def close(found, wanted, tolerance=1e-6):
    """Whether two arrays are of one shape and dtype, and agree relative to the largest number in them."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    if found.dtype.kind != "f":
        return np.array_equal(found, wanted)
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    size = np.max(np.abs(wanted), initial=1, where=np.isfinite(wanted))
    return np.allclose(found, wanted, rtol=tolerance, atol=tolerance * size, equal_nan=True)
