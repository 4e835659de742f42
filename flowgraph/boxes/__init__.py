"""The boxes, one file per family; importing this package registers them all."""

from flowgraph.boxes import constructors as constructors
from flowgraph.boxes import likeness as likeness
from flowgraph.boxes import part as part
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
from flowgraph.boxes.elementwise_loss import AbsoluteError, BinaryCrossEntropy, Hinge, Huber, SquaredError
from flowgraph.boxes.exponential import Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, LogAddExp, LogAddExp2
from flowgraph.boxes.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.hyperbolic import Arccosh, Arcsinh, Arctanh, Cosh, Sinh, Tanh
from flowgraph.boxes.indexing import ArangeLike, Index, IndexAdd, arange_like
from flowgraph.boxes.label import OneHot
from flowgraph.boxes.linear_algebra import MatMul
from flowgraph.boxes.loss import NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.normal import NormalCdf
from flowgraph.boxes.power import Cbrt, ConstantPower, Power, Reciprocal, Sqrt, Square
from flowgraph.boxes.product import CumProd, CumSum, Others, Prod
from flowgraph.boxes.reduction import LogSumExp, Mean, Std, Sum, Var, logsumexp, mean, sum
from flowgraph.boxes.regularizer import L1, L2
from flowgraph.boxes.rounding import Ceil, Floor, Rint, Round, Trunc
from flowgraph.boxes.selection import Absolute, Clip, Fabs, Fmax, Fmin, Maximum, Minimum, NanToNum, Sign, Where
from flowgraph.boxes.shape import BroadcastArrays, BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.boxes.softmax import LogSoftmax, Softmax, log_softmax, softmax
from flowgraph.boxes.trigonometric import Arccos, Arcsin, Arctan, Arctan2, Cos, Degrees, Hypot, Radians, Sin, Sinc, Tan

__all__ = [
    "Absolute", "AbsoluteError", "Add", "AllTrue", "AnyTrue", "ArangeLike", "Arccos", "Arccosh", "Arcsin", "Arcsinh",
    "Arctan", "Arctan2", "Arctanh", "ArgMax", "ArgMin", "BinaryCrossEntropy", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
    "BroadcastArrays", "BroadcastTo", "Cast", "Cbrt", "Ceil", "Clip", "ConstantPower", "Cos", "Cosh", "CountNonzero",
    "CumProd", "CumSum", "Degrees", "Divide", "ELU", "Equal", "Exp", "Exp2", "ExpandDims", "Expm1", "Fabs", "Flip",
    "Floor", "FloorDivide", "Fmax", "Fmin", "Fmod", "GELU", "Greater", "GreaterEqual", "Hinge", "Huber", "Hypot",
    "Index", "IndexAdd", "Invert", "IsFinite", "IsInf", "IsNan", "L1", "L2", "LeakyReLU", "LeftShift", "Less",
    "LessEqual", "Log", "Log10", "Log1p", "Log2", "LogAddExp", "LogAddExp2", "LogSoftmax", "LogSumExp", "LogicalAnd",
    "LogicalNot", "LogicalOr", "LogicalXor", "MatMul", "Max", "Maximum", "Mean", "Min", "Minimum", "Multiply",
    "NanToNum", "Negative", "NegativeLogLikelihood", "NormalCdf", "NotEqual", "OneHot", "Others", "Positive", "Power",
    "Prod", "Radians", "ReLU", "Reciprocal", "Remainder", "Reshape", "RightShift", "Rint", "Roll", "Round", "SiLU",
    "Sigmoid", "Sign", "SignBit", "Sin", "Sinc", "Sinh", "Softmax", "SoftmaxCrossEntropy", "Softplus", "Sqrt",
    "Square", "SquaredError", "Squeeze", "Std", "Subtract", "Sum", "Tan", "Tanh", "Transpose", "Trunc", "Var", "Where",
    "arange_like", "elu", "gelu", "leaky_relu", "linear", "log_softmax", "logsumexp", "mean", "relu", "sigmoid",
    "silu", "softmax", "softplus", "sum",
]
