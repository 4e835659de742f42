"""The boxes, one file per family; importing this package registers them all."""

from flowgraph.boxes import constructors as constructors
from flowgraph.boxes import likeness as likeness
from flowgraph.boxes import part as part
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
from flowgraph.boxes.exponential import Exp, Exp2, Expm1, Log, Log1p, Log2, Log10, LogAddExp, LogAddExp2
from flowgraph.boxes.extremes import AllTrue, AnyTrue, ArgMax, ArgMin, CountNonzero, Max, Min
from flowgraph.boxes.hyperbolic import Arccosh, Arcsinh, Arctanh, Cosh, Sinh, Tanh
from flowgraph.boxes.indexing import ArangeLike, Index, IndexAdd, arange_like
from flowgraph.boxes.linear_algebra import MatMul
from flowgraph.boxes.power import Cbrt, ConstantPower, Power, Reciprocal, Sqrt, Square
from flowgraph.boxes.product import CumProd, CumSum, Others, Prod
from flowgraph.boxes.reduction import LogSumExp, Mean, Std, Sum, Var, logsumexp, mean, sum
from flowgraph.boxes.rounding import Ceil, Floor, Rint, Round, Trunc
from flowgraph.boxes.selection import Absolute, Clip, Fabs, Fmax, Fmin, Maximum, Minimum, NanToNum, Sign, Where
from flowgraph.boxes.shape import BroadcastArrays, BroadcastTo, ExpandDims, Reshape, Squeeze
from flowgraph.boxes.trigonometric import Arccos, Arcsin, Arctan, Arctan2, Cos, Degrees, Hypot, Radians, Sin, Sinc, Tan

__all__ = [
    "Absolute", "Add", "AllTrue", "AnyTrue", "ArangeLike", "Arccos", "Arccosh", "Arcsin", "Arcsinh", "Arctan",
    "Arctan2", "Arctanh", "ArgMax", "ArgMin", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BroadcastArrays",
    "BroadcastTo", "Cast", "Cbrt", "Ceil", "Clip", "ConstantPower", "Cos", "Cosh", "CountNonzero", "CumProd",
    "CumSum", "Degrees", "Divide", "Equal", "Exp", "Exp2", "ExpandDims", "Expm1", "Fabs", "Flip", "Floor",
    "FloorDivide", "Fmax", "Fmin", "Fmod", "Greater", "GreaterEqual", "Hypot", "Index", "IndexAdd", "Invert",
    "IsFinite", "IsInf", "IsNan", "LeftShift", "Less", "LessEqual", "Log", "Log10", "Log1p", "Log2", "LogAddExp",
    "LogAddExp2", "LogSumExp", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "MatMul", "Max", "Maximum",
    "Mean", "Min", "Minimum", "Multiply", "NanToNum", "Negative", "NotEqual", "Others", "Positive", "Power", "Prod",
    "Radians", "Reciprocal", "Remainder", "Reshape", "RightShift", "Rint", "Roll", "Round", "Sign", "SignBit",
    "Sin", "Sinc", "Sinh", "Sqrt", "Square", "Squeeze", "Std", "Subtract", "Sum", "Tan", "Tanh", "Transpose",
    "Trunc", "Var", "Where", "arange_like", "logsumexp", "mean", "sum",
]
