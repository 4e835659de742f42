# Made by `python -m tools.boxes_stub` from the registry of boxes.

from typing import Any, Literal, overload

from flowgraph.box import Box
from flowgraph.box.inference import Axes
from flowgraph.boxes.elementwise.selection import Absolute as Absolute
from flowgraph.boxes.neural.loss import AbsoluteError as AbsoluteError
from flowgraph.boxes.elementwise.arithmetic import Add as Add
from flowgraph.boxes.indexing.scatter import AddAtRows as AddAtRows
from flowgraph.boxes.linear_algebra.products import AddMatMul as AddMatMul
from flowgraph.boxes.linear_algebra.products import Affine as Affine
from flowgraph.boxes.reduction.extremes import AllTrue as AllTrue
from flowgraph.boxes.elementwise.complex_numbers import Angle as Angle
from flowgraph.boxes.reduction.extremes import AnyTrue as AnyTrue
from flowgraph.boxes.indexing.index import ArangeLike as ArangeLike
from flowgraph.boxes.elementwise.trigonometric import Arccos as Arccos
from flowgraph.boxes.elementwise.trigonometric import Arccosh as Arccosh
from flowgraph.boxes.elementwise.trigonometric import Arcsin as Arcsin
from flowgraph.boxes.elementwise.trigonometric import Arcsinh as Arcsinh
from flowgraph.boxes.elementwise.trigonometric import Arctan as Arctan
from flowgraph.boxes.elementwise.trigonometric import Arctan2 as Arctan2
from flowgraph.boxes.elementwise.trigonometric import Arctanh as Arctanh
from flowgraph.boxes.reduction.extremes import ArgMax as ArgMax
from flowgraph.boxes.reduction.extremes import ArgMin as ArgMin
from flowgraph.boxes.indexing.gather import ArgSort as ArgSort
from flowgraph.boxes.engine.passing_on import Barrier as Barrier
from flowgraph.boxes.special.bessel import BesselI as BesselI
from flowgraph.boxes.special.bessel import BesselI0 as BesselI0
from flowgraph.boxes.special.bessel import BesselI0e as BesselI0e
from flowgraph.boxes.special.bessel import BesselI1 as BesselI1
from flowgraph.boxes.special.bessel import BesselI1e as BesselI1e
from flowgraph.boxes.special.bessel import BesselIe as BesselIe
from flowgraph.boxes.special.bessel import BesselJ as BesselJ
from flowgraph.boxes.special.bessel import BesselJ0 as BesselJ0
from flowgraph.boxes.special.bessel import BesselJ1 as BesselJ1
from flowgraph.boxes.special.bessel import BesselY as BesselY
from flowgraph.boxes.special.bessel import BesselY0 as BesselY0
from flowgraph.boxes.special.bessel import BesselY1 as BesselY1
from flowgraph.boxes.special.gamma_function import Beta as Beta
from flowgraph.boxes.special.gamma_function import BetaInc as BetaInc
from flowgraph.boxes.special.gamma_function import BetaLn as BetaLn
from flowgraph.boxes.neural.loss import BinaryCrossEntropy as BinaryCrossEntropy
from flowgraph.boxes.elementwise.comparison import BitwiseAnd as BitwiseAnd
from flowgraph.boxes.elementwise.comparison import BitwiseOr as BitwiseOr
from flowgraph.boxes.elementwise.comparison import BitwiseXor as BitwiseXor
from flowgraph.boxes.fourier.transforms import BothHalves as BothHalves
from flowgraph.boxes.special.exponential_integral import BoxCox as BoxCox
from flowgraph.boxes.special.exponential_integral import BoxCox1p as BoxCox1p
from flowgraph.boxes.shape.reshaping import BroadcastArrays as BroadcastArrays
from flowgraph.boxes.engine.shape_like import BroadcastLike as BroadcastLike
from flowgraph.boxes.shape.reshaping import BroadcastTo as BroadcastTo
from flowgraph.boxes.elementwise.complex_numbers import Cast as Cast
from flowgraph.boxes.elementwise.exponential import Cbrt as Cbrt
from flowgraph.boxes.elementwise.rounding import Ceil as Ceil
from flowgraph.boxes.linear_algebra.factorisation import Cholesky as Cholesky
from flowgraph.boxes.indexing.select import Choose as Choose
from flowgraph.boxes.elementwise.selection import Clip as Clip
from flowgraph.boxes.linear_algebra.determinant import CofactorSlopes as CofactorSlopes
from flowgraph.boxes.linear_algebra.determinant import Cofactors as Cofactors
from flowgraph.boxes.linear_algebra.factorisation import CompleteQR as CompleteQR
from flowgraph.boxes.shape.joining import Concatenate as Concatenate
from flowgraph.boxes.elementwise.complex_numbers import Conjugate as Conjugate
from flowgraph.boxes.elementwise.exponential import ConstantPower as ConstantPower
from flowgraph.boxes.neural.convolution import Conv1d as Conv1d
from flowgraph.boxes.neural.convolution import Conv2d as Conv2d
from flowgraph.boxes.neural.convolution import Conv3d as Conv3d
from flowgraph.boxes.neural.convolution import ConvFilters as ConvFilters
from flowgraph.boxes.neural.convolution import ConvInput as ConvInput
from flowgraph.boxes.fourier.signal import Convolve as Convolve
from flowgraph.boxes.elementwise.rounding import Copysign as Copysign
from flowgraph.boxes.fourier.signal import Correlate as Correlate
from flowgraph.boxes.elementwise.trigonometric import Cos as Cos
from flowgraph.boxes.elementwise.trigonometric import Cosh as Cosh
from flowgraph.boxes.engine.shape_like import CountLike as CountLike
from flowgraph.boxes.reduction.extremes import CountNonzero as CountNonzero
from flowgraph.boxes.reduction.products import CumProd as CumProd
from flowgraph.boxes.reduction.products import CumSum as CumSum
from flowgraph.boxes.special.error_function import Dawsn as Dawsn
from flowgraph.boxes.elementwise.trigonometric import Degrees as Degrees
from flowgraph.boxes.linear_algebra.determinant import Det as Det
from flowgraph.boxes.linear_algebra.diagonal import Diag as Diag
from flowgraph.boxes.linear_algebra.diagonal import Diagonal as Diagonal
from flowgraph.boxes.special.gamma_function import Digamma as Digamma
from flowgraph.boxes.indexing.select import Digitize as Digitize
from flowgraph.boxes.elementwise.arithmetic import Divide as Divide
from flowgraph.boxes.neural.activation import ELU as ELU
from flowgraph.boxes.linear_algebra.eigenvalues import Eig as Eig
from flowgraph.boxes.linear_algebra.eigenvalues import Eigh as Eigh
from flowgraph.boxes.linear_algebra.einsum import Einsum as Einsum
from flowgraph.boxes.special.entropy import Entr as Entr
from flowgraph.boxes.elementwise.comparison import Equal as Equal
from flowgraph.boxes.special.error_function import Erf as Erf
from flowgraph.boxes.special.error_function import Erfc as Erfc
from flowgraph.boxes.special.error_function import Erfcinv as Erfcinv
from flowgraph.boxes.special.error_function import Erfcx as Erfcx
from flowgraph.boxes.special.error_function import Erfinv as Erfinv
from flowgraph.boxes.linear_algebra.norm import EuclideanNorm as EuclideanNorm
from flowgraph.boxes.elementwise.exponential import Exp as Exp
from flowgraph.boxes.special.exponential_integral import Exp1 as Exp1
from flowgraph.boxes.elementwise.exponential import Exp2 as Exp2
from flowgraph.boxes.shape.reshaping import ExpandDims as ExpandDims
from flowgraph.boxes.special.exponential_integral import Expi as Expi
from flowgraph.boxes.elementwise.exponential import Expm1 as Expm1
from flowgraph.boxes.special.exponential_integral import Expn as Expn
from flowgraph.boxes.special.exponential_integral import Exprel as Exprel
from flowgraph.boxes.elementwise.selection import Fabs as Fabs
from flowgraph.boxes.fourier.transforms import Fft as Fft
from flowgraph.boxes.fourier.transforms import FftShift as FftShift
from flowgraph.boxes.engine.shape_like import FitLike as FitLike
from flowgraph.boxes.shape.arrangement import Flip as Flip
from flowgraph.boxes.elementwise.rounding import Floor as Floor
from flowgraph.boxes.elementwise.arithmetic import FloorDivide as FloorDivide
from flowgraph.boxes.elementwise.selection import Fmax as Fmax
from flowgraph.boxes.elementwise.selection import Fmin as Fmin
from flowgraph.boxes.elementwise.arithmetic import Fmod as Fmod
from flowgraph.boxes.linear_algebra.eigenvalues import FullSVD as FullSVD
from flowgraph.boxes.neural.activation import GELU as GELU
from flowgraph.boxes.special.gamma_function import Gamma as Gamma
from flowgraph.boxes.special.gamma_function import GammaInc as GammaInc
from flowgraph.boxes.special.gamma_function import GammaIncC as GammaIncC
from flowgraph.boxes.special.gamma_function import GammaLn as GammaLn
from flowgraph.boxes.linear_algebra.matrices import GaugeInvarianceCheck as GaugeInvarianceCheck
from flowgraph.boxes.elementwise.comparison import Greater as Greater
from flowgraph.boxes.elementwise.comparison import GreaterEqual as GreaterEqual
from flowgraph.boxes.elementwise.rounding import Heaviside as Heaviside
from flowgraph.boxes.neural.loss import Hinge as Hinge
from flowgraph.boxes.neural.loss import Huber as Huber
from flowgraph.boxes.elementwise.trigonometric import Hypot as Hypot
from flowgraph.boxes.fourier.transforms import Ifft as Ifft
from flowgraph.boxes.elementwise.complex_numbers import Imag as Imag
from flowgraph.boxes.engine.passing_on import InTraining as InTraining
from flowgraph.boxes.indexing.index import Index as Index
from flowgraph.boxes.indexing.index import IndexAdd as IndexAdd
from flowgraph.boxes.indexing.select import Interp as Interp
from flowgraph.boxes.linear_algebra.inverse import Inv as Inv
from flowgraph.boxes.special.exponential_integral import InverseBoxCox as InverseBoxCox
from flowgraph.boxes.elementwise.comparison import Invert as Invert
from flowgraph.boxes.fourier.transforms import Irfft as Irfft
from flowgraph.boxes.elementwise.comparison import IsFinite as IsFinite
from flowgraph.boxes.elementwise.comparison import IsInf as IsInf
from flowgraph.boxes.elementwise.comparison import IsNan as IsNan
from flowgraph.boxes.special.entropy import KlDiv as KlDiv
from flowgraph.boxes.neural.loss import L1 as L1
from flowgraph.boxes.neural.loss import L2 as L2
from flowgraph.boxes.special.exponential_integral import LambertW as LambertW
from flowgraph.boxes.elementwise.rounding import Ldexp as Ldexp
from flowgraph.boxes.neural.activation import LeakyReLU as LeakyReLU
from flowgraph.boxes.elementwise.comparison import LeftShift as LeftShift
from flowgraph.boxes.elementwise.comparison import Less as Less
from flowgraph.boxes.elementwise.comparison import LessEqual as LessEqual
from flowgraph.boxes.elementwise.exponential import Log as Log
from flowgraph.boxes.elementwise.exponential import Log10 as Log10
from flowgraph.boxes.elementwise.exponential import Log1p as Log1p
from flowgraph.boxes.elementwise.exponential import Log2 as Log2
from flowgraph.boxes.elementwise.exponential import LogAddExp as LogAddExp
from flowgraph.boxes.elementwise.exponential import LogAddExp2 as LogAddExp2
from flowgraph.boxes.special.entropy import LogExpit as LogExpit
from flowgraph.boxes.special.gamma_function import LogGamma as LogGamma
from flowgraph.boxes.special.error_function import LogNormalCdf as LogNormalCdf
from flowgraph.boxes.special.exponential_integral import LogRatio as LogRatio
from flowgraph.boxes.neural.softmax import LogSoftmax as LogSoftmax
from flowgraph.boxes.reduction.sums import LogSumExp as LogSumExp
from flowgraph.boxes.elementwise.comparison import LogicalAnd as LogicalAnd
from flowgraph.boxes.elementwise.comparison import LogicalNot as LogicalNot
from flowgraph.boxes.elementwise.comparison import LogicalOr as LogicalOr
from flowgraph.boxes.elementwise.comparison import LogicalXor as LogicalXor
from flowgraph.boxes.special.entropy import Logit as Logit
from flowgraph.boxes.linear_algebra.products import MatMul as MatMul
from flowgraph.boxes.reduction.extremes import Max as Max
from flowgraph.boxes.neural.pooling import MaxPool as MaxPool
from flowgraph.boxes.elementwise.selection import Maximum as Maximum
from flowgraph.boxes.reduction.sums import Mean as Mean
from flowgraph.boxes.neural.pooling import MeanOfLargest as MeanOfLargest
from flowgraph.boxes.neural.pooling import MeanPool as MeanPool
from flowgraph.boxes.reduction.quantile import Median as Median
from flowgraph.boxes.reduction.extremes import Min as Min
from flowgraph.boxes.elementwise.selection import Minimum as Minimum
from flowgraph.boxes.neural.label import MinusAt as MinusAt
from flowgraph.boxes.special.bessel import ModifiedBessel as ModifiedBessel
from flowgraph.boxes.elementwise.arithmetic import Multiply as Multiply
from flowgraph.boxes.reduction.extremes import NanArgMax as NanArgMax
from flowgraph.boxes.reduction.extremes import NanArgMin as NanArgMin
from flowgraph.boxes.elementwise.selection import NanToNum as NanToNum
from flowgraph.boxes.elementwise.arithmetic import Negative as Negative
from flowgraph.boxes.neural.loss import NegativeLogLikelihood as NegativeLogLikelihood
from flowgraph.boxes.indexing.select import Nonzero as Nonzero
from flowgraph.boxes.neural.activation import NormalCdf as NormalCdf
from flowgraph.boxes.special.error_function import NormalHazard as NormalHazard
from flowgraph.boxes.special.error_function import NormalQuantile as NormalQuantile
from flowgraph.boxes.elementwise.comparison import NotEqual as NotEqual
from flowgraph.boxes.linear_algebra.diagonal import OnDiagonal as OnDiagonal
from flowgraph.boxes.neural.label import OneHot as OneHot
from flowgraph.boxes.reduction.products import Others as Others
from flowgraph.boxes.linear_algebra.norm import PNorm as PNorm
from flowgraph.boxes.shape.padding import Pad as Pad
from flowgraph.boxes.engine.passing_on import Part as Part
from flowgraph.boxes.linear_algebra.inverse import Pinv as Pinv
from flowgraph.boxes.neural.label import PlaceOf as PlaceOf
from flowgraph.boxes.neural.label import PlacesOf as PlacesOf
from flowgraph.boxes.indexing.gather import PlacesOfRows as PlacesOfRows
from flowgraph.boxes.numpy_api.polynomial import PolyVal as PolyVal
from flowgraph.boxes.special.gamma_function import Polygamma as Polygamma
from flowgraph.boxes.elementwise.arithmetic import Positive as Positive
from flowgraph.boxes.elementwise.exponential import Power as Power
from flowgraph.boxes.reduction.products import Prod as Prod
from flowgraph.boxes.linear_algebra.factorisation import QR as QR
from flowgraph.boxes.reduction.quantile import Quantile as Quantile
from flowgraph.boxes.elementwise.trigonometric import Radians as Radians
from flowgraph.boxes.neural.activation import ReLU as ReLU
from flowgraph.boxes.elementwise.complex_numbers import Real as Real
from flowgraph.boxes.elementwise.exponential import Reciprocal as Reciprocal
from flowgraph.boxes.special.gamma_function import ReciprocalGamma as ReciprocalGamma
from flowgraph.boxes.reduction.products import Recurrence as Recurrence
from flowgraph.boxes.special.entropy import RelEntr as RelEntr
from flowgraph.boxes.elementwise.arithmetic import Remainder as Remainder
from flowgraph.boxes.engine.shape_like import RepeatRows as RepeatRows
from flowgraph.boxes.shape.reshaping import Reshape as Reshape
from flowgraph.boxes.engine.shape_like import ReshapeLike as ReshapeLike
from flowgraph.boxes.neural.resizing import Resize as Resize
from flowgraph.boxes.neural.resizing import ResizeInput as ResizeInput
from flowgraph.boxes.fourier.transforms import Rfft as Rfft
from flowgraph.boxes.elementwise.comparison import RightShift as RightShift
from flowgraph.boxes.elementwise.rounding import Rint as Rint
from flowgraph.boxes.shape.arrangement import Roll as Roll
from flowgraph.boxes.elementwise.rounding import Round as Round
from flowgraph.boxes.engine.shape_like import RowsAs as RowsAs
from flowgraph.boxes.linear_algebra.eigenvalues import SVD as SVD
from flowgraph.boxes.indexing.select import SearchSorted as SearchSorted
from flowgraph.boxes.indexing.scatter import SetAt as SetAt
from flowgraph.boxes.neural.activation import SiLU as SiLU
from flowgraph.boxes.neural.activation import Sigmoid as Sigmoid
from flowgraph.boxes.elementwise.selection import Sign as Sign
from flowgraph.boxes.elementwise.comparison import SignBit as SignBit
from flowgraph.boxes.elementwise.trigonometric import Sin as Sin
from flowgraph.boxes.elementwise.trigonometric import Sinc as Sinc
from flowgraph.boxes.elementwise.trigonometric import Sinh as Sinh
from flowgraph.boxes.linear_algebra.determinant import SlogDet as SlogDet
from flowgraph.boxes.neural.softmax import Softmax as Softmax
from flowgraph.boxes.neural.loss import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from flowgraph.boxes.neural.activation import Softplus as Softplus
from flowgraph.boxes.linear_algebra.inverse import Solve as Solve
from flowgraph.boxes.special.exponential_integral import Spence as Spence
from flowgraph.boxes.shape.joining import Split as Split
from flowgraph.boxes.shape.joining import SplitLike as SplitLike
from flowgraph.boxes.neural.pooling import SpreadEvenly as SpreadEvenly
from flowgraph.boxes.neural.pooling import SpreadToLargest as SpreadToLargest
from flowgraph.boxes.neural.pooling import SpreadToRectified as SpreadToRectified
from flowgraph.boxes.elementwise.exponential import Sqrt as Sqrt
from flowgraph.boxes.elementwise.exponential import Square as Square
from flowgraph.boxes.neural.loss import SquaredError as SquaredError
from flowgraph.boxes.shape.reshaping import Squeeze as Squeeze
from flowgraph.boxes.shape.joining import Stack as Stack
from flowgraph.boxes.reduction.sums import Std as Std
from flowgraph.boxes.engine.passing_on import StopGradient as StopGradient
from flowgraph.boxes.special.gamma_function import StudentCdf as StudentCdf
from flowgraph.boxes.elementwise.arithmetic import Subtract as Subtract
from flowgraph.boxes.reduction.sums import Sum as Sum
from flowgraph.boxes.engine.shape_like import SumLike as SumLike
from flowgraph.boxes.indexing.gather import TakeAlongAxis as TakeAlongAxis
from flowgraph.boxes.elementwise.trigonometric import Tan as Tan
from flowgraph.boxes.elementwise.trigonometric import Tanh as Tanh
from flowgraph.boxes.linear_algebra.products import TensorDot as TensorDot
from flowgraph.boxes.shape.arrangement import Transpose as Transpose
from flowgraph.boxes.linear_algebra.diagonal import Tril as Tril
from flowgraph.boxes.linear_algebra.diagonal import Triu as Triu
from flowgraph.boxes.elementwise.rounding import Trunc as Trunc
from flowgraph.boxes.engine.shape_like import UnitRows as UnitRows
from flowgraph.boxes.shape.joining import Unstack as Unstack
from flowgraph.boxes.fourier.signal import Unwrap as Unwrap
from flowgraph.boxes.reduction.sums import Var as Var
from flowgraph.boxes.elementwise.selection import Where as Where
from flowgraph.boxes.special.entropy import XLog1pY as XLog1pY
from flowgraph.boxes.special.entropy import XLogY as XLogY
from flowgraph.boxes.indexing.index import arange_like as arange_like
from flowgraph.boxes.engine.shape_like import count_like as count_like
from flowgraph.boxes.special.gamma_function import polygamma as polygamma

@overload
def add_at(a: Box, index: Any, value: Any) -> Box: ...
@overload
def add_at(a: Any, index: Any, value: Any) -> Any: ...
@overload
def broadcast_like(a: Box, like: Any) -> Box: ...
@overload
def broadcast_like(a: Any, like: Any) -> Any: ...
@overload
def elu(a: Box, alpha: float = ...) -> Box: ...
@overload
def elu(a: Any, alpha: float = ...) -> Any: ...
@overload
def fit_like(a: Box, like: Any, axes: tuple[int, ...]) -> Box: ...
@overload
def fit_like(a: Any, like: Any, axes: tuple[int, ...]) -> Any: ...
@overload
def gelu(a: Box, approximate: Literal["none", "tanh"] = ...) -> Box: ...
@overload
def gelu(a: Any, approximate: Literal["none", "tanh"] = ...) -> Any: ...
@overload
def leaky_relu(a: Box, slope: float = ...) -> Box: ...
@overload
def leaky_relu(a: Any, slope: float = ...) -> Any: ...
@overload
def linear(a: Box) -> Box: ...
@overload
def linear(a: Any) -> Any: ...
@overload
def log_softmax(a: Box, axis: Axes | None = ...) -> Box: ...
@overload
def log_softmax(a: Any, axis: Axes | None = ...) -> Any: ...
@overload
def logsumexp(a: Box, axis: Axes | None = ..., keepdims: bool = ...) -> Box: ...
@overload
def logsumexp(a: Any, axis: Axes | None = ..., keepdims: bool = ...) -> Any: ...
@overload
def mean(a: Box, axis: Axes | None = ..., keepdims: bool = ...) -> Box: ...
@overload
def mean(a: Any, axis: Axes | None = ..., keepdims: bool = ...) -> Any: ...
@overload
def relu(a: Box) -> Box: ...
@overload
def relu(a: Any) -> Any: ...
@overload
def reshape_like(a: Box, like: Any) -> Box: ...
@overload
def reshape_like(a: Any, like: Any) -> Any: ...
@overload
def set_at(a: Box, index: Any, value: Any) -> Box: ...
@overload
def set_at(a: Any, index: Any, value: Any) -> Any: ...
@overload
def sigmoid(a: Box) -> Box: ...
@overload
def sigmoid(a: Any) -> Any: ...
@overload
def silu(a: Box) -> Box: ...
@overload
def silu(a: Any) -> Any: ...
@overload
def softmax(a: Box, axis: Axes | None = ...) -> Box: ...
@overload
def softmax(a: Any, axis: Axes | None = ...) -> Any: ...
@overload
def softplus(a: Box) -> Box: ...
@overload
def softplus(a: Any) -> Any: ...
@overload
def stop_gradient(a: Box) -> Box: ...
@overload
def stop_gradient(a: Any) -> Any: ...
@overload
def sum(a: Box, axis: Axes | None = ..., keepdims: bool = ...) -> Box: ...
@overload
def sum(a: Any, axis: Axes | None = ..., keepdims: bool = ...) -> Any: ...
@overload
def sum_like(a: Box, like: Any) -> Box: ...
@overload
def sum_like(a: Any, like: Any) -> Any: ...

__all__ = [
    "Absolute",
    "AbsoluteError",
    "Add",
    "AddMatMul",
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
    "BesselI",
    "BesselI0",
    "BesselI0e",
    "BesselI1",
    "BesselI1e",
    "BesselIe",
    "BesselJ",
    "BesselJ0",
    "BesselJ1",
    "BesselY",
    "BesselY0",
    "BesselY1",
    "Beta",
    "BetaInc",
    "BetaLn",
    "BinaryCrossEntropy",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BoxCox",
    "BoxCox1p",
    "BroadcastArrays",
    "BroadcastLike",
    "BroadcastTo",
    "Cast",
    "Cbrt",
    "Ceil",
    "Cholesky",
    "Choose",
    "Clip",
    "Cofactors",
    "CompleteQR",
    "Concatenate",
    "Conjugate",
    "ConstantPower",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Convolve",
    "Copysign",
    "Correlate",
    "Cos",
    "Cosh",
    "CountLike",
    "CountNonzero",
    "CumProd",
    "CumSum",
    "Dawsn",
    "Degrees",
    "Det",
    "Diag",
    "Diagonal",
    "Digamma",
    "Digitize",
    "Divide",
    "ELU",
    "Eig",
    "Eigh",
    "Einsum",
    "Entr",
    "Equal",
    "Erf",
    "Erfc",
    "Erfcinv",
    "Erfcx",
    "Erfinv",
    "EuclideanNorm",
    "Exp",
    "Exp1",
    "Exp2",
    "ExpandDims",
    "Expi",
    "Expm1",
    "Expn",
    "Exprel",
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
    "GELU",
    "Gamma",
    "GammaInc",
    "GammaIncC",
    "GammaLn",
    "Greater",
    "GreaterEqual",
    "Heaviside",
    "Hinge",
    "Huber",
    "Hypot",
    "Ifft",
    "Imag",
    "Index",
    "Interp",
    "Inv",
    "InverseBoxCox",
    "Invert",
    "Irfft",
    "IsFinite",
    "IsInf",
    "IsNan",
    "KlDiv",
    "L1",
    "L2",
    "LambertW",
    "Ldexp",
    "LeakyReLU",
    "LeftShift",
    "Less",
    "LessEqual",
    "Log",
    "Log10",
    "Log1p",
    "Log2",
    "LogAddExp",
    "LogAddExp2",
    "LogExpit",
    "LogGamma",
    "LogNormalCdf",
    "LogRatio",
    "LogSoftmax",
    "LogSumExp",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "LogicalXor",
    "Logit",
    "MatMul",
    "Max",
    "MaxPool",
    "Maximum",
    "Mean",
    "MeanPool",
    "Median",
    "Min",
    "Minimum",
    "ModifiedBessel",
    "Multiply",
    "NanArgMax",
    "NanArgMin",
    "NanToNum",
    "Negative",
    "NegativeLogLikelihood",
    "Nonzero",
    "NormalCdf",
    "NormalHazard",
    "NormalQuantile",
    "NotEqual",
    "OneHot",
    "PNorm",
    "Pad",
    "Pinv",
    "PolyVal",
    "Polygamma",
    "Positive",
    "Power",
    "Prod",
    "QR",
    "Quantile",
    "Radians",
    "ReLU",
    "Real",
    "Reciprocal",
    "ReciprocalGamma",
    "RelEntr",
    "Remainder",
    "Reshape",
    "ReshapeLike",
    "Resize",
    "Rfft",
    "RightShift",
    "Rint",
    "Roll",
    "Round",
    "SVD",
    "SearchSorted",
    "SetAt",
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
    "Spence",
    "Split",
    "SplitLike",
    "Sqrt",
    "Square",
    "SquaredError",
    "Squeeze",
    "Stack",
    "Std",
    "StudentCdf",
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
    "Unstack",
    "Unwrap",
    "Var",
    "Where",
    "XLog1pY",
    "XLogY",
    "add_at",
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
    "polygamma",
    "relu",
    "reshape_like",
    "set_at",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "stop_gradient",
    "sum",
    "sum_like",
]
