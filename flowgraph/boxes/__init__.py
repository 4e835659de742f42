"""The boxes, one file per family; importing this package registers them all."""

from flowgraph.boxes import constructors as constructors
from flowgraph.boxes import differences as differences
from flowgraph.boxes import fourier_functions as fourier_functions
from flowgraph.boxes import nan_reduction as nan_reduction
from flowgraph.boxes import part as part
from flowgraph.boxes import percentile as percentile
from flowgraph.boxes import vector_products as vector_products
from flowgraph.boxes import weighting as weighting
from flowgraph.boxes.activation import (
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    elu,
    gelu,
    leaky_relu,
    linear,
    relu,
    sigmoid,
    silu,
    softplus,
)
from flowgraph.boxes.arithmetic import Add, Divide, FloorDivide, Fmod, Multiply, Negative, Positive, Remainder, Subtract
from flowgraph.boxes.arrangement import Flip, Roll, Transpose
from flowgraph.boxes.bitwise import BitwiseAnd, BitwiseOr, BitwiseXor, Invert, LeftShift, RightShift
from flowgraph.boxes.cast import Cast
from flowgraph.boxes.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
    SignBit,
)
from flowgraph.boxes.complex_numbers import Angle, Conjugate, Imag, Real
from flowgraph.boxes.determinant import Cofactors, Det, SlogDet
from flowgraph.boxes.diagonal import Diag, Diagonal, OnDiagonal, Tril, Triu
from flowgraph.boxes.eigenvalues import Eig, Eigh
from flowgraph.boxes.einsum import Einsum
from flowgraph.boxes.elementwise_loss import AbsoluteError, BinaryCrossEntropy, Hinge, Huber, SquaredError
from flowgraph.boxes.exponential import Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, LogAddExp, LogAddExp2
from flowgraph.boxes.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.factorisation import QR, Cholesky, CompleteQR
from flowgraph.boxes.fourier import BothHalves, Fft, FftShift, Ifft, Irfft, Rfft
from flowgraph.boxes.gauge import Gauge
from flowgraph.boxes.hyperbolic import Arccosh, Arcsinh, Arctanh, Cosh, Sinh, Tanh
from flowgraph.boxes.indexing import ArangeLike, Index, IndexAdd, arange_like
from flowgraph.boxes.inverse import Inv, Solve
from flowgraph.boxes.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.label import MinusAt, OneHot, PlacesOf
from flowgraph.boxes.least_squares import Pinv
from flowgraph.boxes.likeness import (
    BroadcastLike,
    CountLike,
    FitLike,
    ReshapeLike,
    SumLike,
    broadcast_like,
    count_like,
    fit_like,
    reshape_like,
    sum_like,
)
from flowgraph.boxes.linear_algebra import Affine, MatMul, TensorDot
from flowgraph.boxes.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.norm import EuclideanNorm, PNorm
from flowgraph.boxes.normal import NormalCdf
from flowgraph.boxes.padding import Pad
from flowgraph.boxes.power import Cbrt, ConstantPower, Power, Reciprocal, Sqrt, Square
from flowgraph.boxes.product import CumProd, CumSum, Others, Prod
from flowgraph.boxes.quantile import Median, Quantile
from flowgraph.boxes.reduction import LogSumExp, Mean, Std, Sum, Var, logsumexp, mean, sum
from flowgraph.boxes.regularizer import L1, L2
from flowgraph.boxes.rounding import Ceil, Floor, Rint, Round, Trunc
from flowgraph.boxes.rows import RepeatRows, RowsAs, UnitRows
from flowgraph.boxes.selection import Absolute, Clip, Fabs, Fmax, Fmin, Maximum, Minimum, NanToNum, Sign, Where
from flowgraph.boxes.setting import set_at
from flowgraph.boxes.shape import BroadcastArrays, BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.boxes.singular_values import SVD, FullSVD
from flowgraph.boxes.softmax import LogSoftmax, Softmax, log_softmax, softmax
from flowgraph.boxes.splitting import Split, Unstack
from flowgraph.boxes.taking import ArgSort, TakeAlongAxis
from flowgraph.boxes.trigonometric import Arccos, Arcsin, Arctan, Arctan2, Cos, Degrees, Hypot, Radians, Sin, Sinc, Tan

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "QR",
    "SVD",
    "Absolute",
    "AbsoluteError",
    "Add",
    "Affine",
    "AllTrue",
    "Angle",
    "AnyTrue",
    "ArangeLike",
    "Arccos",
    "Arccosh",
    "Arcsin",
    "Arcsinh",
    "Arctan",
    "Arctan2",
    "Arctanh",
    "ArgMax",
    "ArgMin",
    "ArgSort",
    "BinaryCrossEntropy",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BothHalves",
    "BroadcastArrays",
    "BroadcastLike",
    "BroadcastTo",
    "Cast",
    "Cbrt",
    "Ceil",
    "Cholesky",
    "Clip",
    "Cofactors",
    "CompleteQR",
    "Concatenate",
    "Conjugate",
    "ConstantPower",
    "Cos",
    "Cosh",
    "CountLike",
    "CountNonzero",
    "CumProd",
    "CumSum",
    "Degrees",
    "Det",
    "Diag",
    "Diagonal",
    "Divide",
    "Eig",
    "Eigh",
    "Einsum",
    "Equal",
    "EuclideanNorm",
    "Exp",
    "Exp2",
    "ExpandDims",
    "Expm1",
    "Fabs",
    "Fft",
    "FftShift",
    "FitLike",
    "Flip",
    "Floor",
    "FloorDivide",
    "Fmax",
    "Fmin",
    "Fmod",
    "FullSVD",
    "Gauge",
    "Greater",
    "GreaterEqual",
    "Hinge",
    "Huber",
    "Hypot",
    "Ifft",
    "Imag",
    "Index",
    "IndexAdd",
    "Inv",
    "Invert",
    "Irfft",
    "IsFinite",
    "IsInf",
    "IsNan",
    "LeakyReLU",
    "LeftShift",
    "Less",
    "LessEqual",
    "Log",
    "Log1p",
    "Log2",
    "Log10",
    "LogAddExp",
    "LogAddExp2",
    "LogSoftmax",
    "LogSumExp",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "LogicalXor",
    "MatMul",
    "Max",
    "Maximum",
    "Mean",
    "Median",
    "Min",
    "Minimum",
    "MinusAt",
    "Multiply",
    "NanToNum",
    "Negative",
    "NegativeLogLikelihood",
    "NormalCdf",
    "NotEqual",
    "OnDiagonal",
    "OneHot",
    "Others",
    "PNorm",
    "Pad",
    "Pinv",
    "PlacesOf",
    "Positive",
    "Power",
    "Prod",
    "Quantile",
    "Radians",
    "ReLU",
    "Real",
    "Reciprocal",
    "Remainder",
    "RepeatRows",
    "Reshape",
    "ReshapeLike",
    "Rfft",
    "RightShift",
    "Rint",
    "Roll",
    "Round",
    "RowsAs",
    "SiLU",
    "Sigmoid",
    "Sign",
    "SignBit",
    "Sin",
    "Sinc",
    "Sinh",
    "SlogDet",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Solve",
    "Split",
    "SplitLike",
    "Sqrt",
    "Square",
    "SquaredError",
    "Squeeze",
    "Stack",
    "Std",
    "Subtract",
    "Sum",
    "SumLike",
    "TakeAlongAxis",
    "Tan",
    "Tanh",
    "TensorDot",
    "Transpose",
    "Tril",
    "Triu",
    "Trunc",
    "UnitRows",
    "Unstack",
    "Var",
    "Where",
    "arange_like",
    "broadcast_like",
    "count_like",
    "elu",
    "fit_like",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "mean",
    "relu",
    "reshape_like",
    "set_at",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "sum",
    "sum_like",
]
