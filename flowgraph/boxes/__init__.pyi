# Made by `python -m tools.boxes_stub` from the registry of boxes.

from flowgraph.boxes.selection import Absolute as Absolute
from flowgraph.boxes.elementwise_loss import AbsoluteError as AbsoluteError
from flowgraph.boxes.arithmetic import Add as Add
from flowgraph.boxes.linear_algebra import AddMatMul as AddMatMul
from flowgraph.boxes.linear_algebra import Affine as Affine
from flowgraph.boxes.extremes import AllTrue as AllTrue
from flowgraph.boxes.complex_numbers import Angle as Angle
from flowgraph.boxes.extremes import AnyTrue as AnyTrue
from flowgraph.boxes.indexing import ArangeLike as ArangeLike
from flowgraph.boxes.trigonometric import Arccos as Arccos
from flowgraph.boxes.hyperbolic import Arccosh as Arccosh
from flowgraph.boxes.trigonometric import Arcsin as Arcsin
from flowgraph.boxes.hyperbolic import Arcsinh as Arcsinh
from flowgraph.boxes.trigonometric import Arctan as Arctan
from flowgraph.boxes.trigonometric import Arctan2 as Arctan2
from flowgraph.boxes.hyperbolic import Arctanh as Arctanh
from flowgraph.boxes.extremes import ArgMax as ArgMax
from flowgraph.boxes.extremes import ArgMin as ArgMin
from flowgraph.boxes.taking import ArgSort as ArgSort
from flowgraph.boxes.bessel import BesselI as BesselI
from flowgraph.boxes.bessel import BesselI0 as BesselI0
from flowgraph.boxes.bessel import BesselI0e as BesselI0e
from flowgraph.boxes.bessel import BesselI1 as BesselI1
from flowgraph.boxes.bessel import BesselI1e as BesselI1e
from flowgraph.boxes.bessel import BesselIe as BesselIe
from flowgraph.boxes.bessel import BesselJ as BesselJ
from flowgraph.boxes.bessel import BesselJ0 as BesselJ0
from flowgraph.boxes.bessel import BesselJ1 as BesselJ1
from flowgraph.boxes.bessel import BesselY as BesselY
from flowgraph.boxes.bessel import BesselY0 as BesselY0
from flowgraph.boxes.bessel import BesselY1 as BesselY1
from flowgraph.boxes.gamma_function import Beta as Beta
from flowgraph.boxes.gamma_function import BetaInc as BetaInc
from flowgraph.boxes.gamma_function import BetaLn as BetaLn
from flowgraph.boxes.elementwise_loss import BinaryCrossEntropy as BinaryCrossEntropy
from flowgraph.boxes.bitwise import BitwiseAnd as BitwiseAnd
from flowgraph.boxes.bitwise import BitwiseOr as BitwiseOr
from flowgraph.boxes.bitwise import BitwiseXor as BitwiseXor
from flowgraph.boxes.fourier import BothHalves as BothHalves
from flowgraph.boxes.exponential_integral import BoxCox as BoxCox
from flowgraph.boxes.exponential_integral import BoxCox1p as BoxCox1p
from flowgraph.boxes.shape import BroadcastArrays as BroadcastArrays
from flowgraph.boxes.likeness import BroadcastLike as BroadcastLike
from flowgraph.boxes.shape import BroadcastTo as BroadcastTo
from flowgraph.boxes.cast import Cast as Cast
from flowgraph.boxes.power import Cbrt as Cbrt
from flowgraph.boxes.rounding import Ceil as Ceil
from flowgraph.boxes.factorisation import Cholesky as Cholesky
from flowgraph.boxes.choosing import Choose as Choose
from flowgraph.boxes.selection import Clip as Clip
from flowgraph.boxes.cofactors import CofactorSlopes as CofactorSlopes
from flowgraph.boxes.cofactors import Cofactors as Cofactors
from flowgraph.boxes.factorisation import CompleteQR as CompleteQR
from flowgraph.boxes.joining import Concatenate as Concatenate
from flowgraph.boxes.complex_numbers import Conjugate as Conjugate
from flowgraph.boxes.power import ConstantPower as ConstantPower
from flowgraph.boxes.convolution import Conv1d as Conv1d
from flowgraph.boxes.convolution import Conv2d as Conv2d
from flowgraph.boxes.convolution import Conv3d as Conv3d
from flowgraph.boxes.convolution import ConvFilters as ConvFilters
from flowgraph.boxes.convolution import ConvInput as ConvInput
from flowgraph.boxes.signal import Convolve as Convolve
from flowgraph.boxes.signs import Copysign as Copysign
from flowgraph.boxes.signal import Correlate as Correlate
from flowgraph.boxes.trigonometric import Cos as Cos
from flowgraph.boxes.hyperbolic import Cosh as Cosh
from flowgraph.boxes.likeness import CountLike as CountLike
from flowgraph.boxes.extremes import CountNonzero as CountNonzero
from flowgraph.boxes.product import CumProd as CumProd
from flowgraph.boxes.product import CumSum as CumSum
from flowgraph.boxes.error_function import Dawsn as Dawsn
from flowgraph.boxes.trigonometric import Degrees as Degrees
from flowgraph.boxes.determinant import Det as Det
from flowgraph.boxes.diagonal import Diag as Diag
from flowgraph.boxes.diagonal import Diagonal as Diagonal
from flowgraph.boxes.gamma_function import Digamma as Digamma
from flowgraph.boxes.searching import Digitize as Digitize
from flowgraph.boxes.arithmetic import Divide as Divide
from flowgraph.boxes.activation import ELU as ELU
from flowgraph.boxes.eigenvalues import Eig as Eig
from flowgraph.boxes.eigenvalues import Eigh as Eigh
from flowgraph.boxes.einsum import Einsum as Einsum
from flowgraph.boxes.entropy import Entr as Entr
from flowgraph.boxes.comparison import Equal as Equal
from flowgraph.boxes.error_function import Erf as Erf
from flowgraph.boxes.error_function import Erfc as Erfc
from flowgraph.boxes.error_function import Erfcinv as Erfcinv
from flowgraph.boxes.error_function import Erfcx as Erfcx
from flowgraph.boxes.error_function import Erfinv as Erfinv
from flowgraph.boxes.norm import EuclideanNorm as EuclideanNorm
from flowgraph.boxes.exponential import Exp as Exp
from flowgraph.boxes.exponential_integral import Exp1 as Exp1
from flowgraph.boxes.exponential import Exp2 as Exp2
from flowgraph.boxes.shape import ExpandDims as ExpandDims
from flowgraph.boxes.exponential_integral import Expi as Expi
from flowgraph.boxes.exponential import Expm1 as Expm1
from flowgraph.boxes.exponential_integral import Expn as Expn
from flowgraph.boxes.exponential_integral import Exprel as Exprel
from flowgraph.boxes.selection import Fabs as Fabs
from flowgraph.boxes.fourier import Fft as Fft
from flowgraph.boxes.fourier import FftShift as FftShift
from flowgraph.boxes.likeness import FitLike as FitLike
from flowgraph.boxes.arrangement import Flip as Flip
from flowgraph.boxes.rounding import Floor as Floor
from flowgraph.boxes.arithmetic import FloorDivide as FloorDivide
from flowgraph.boxes.selection import Fmax as Fmax
from flowgraph.boxes.selection import Fmin as Fmin
from flowgraph.boxes.arithmetic import Fmod as Fmod
from flowgraph.boxes.singular_values import FullSVD as FullSVD
from flowgraph.boxes.activation import GELU as GELU
from flowgraph.boxes.gamma_function import Gamma as Gamma
from flowgraph.boxes.gamma_function import GammaInc as GammaInc
from flowgraph.boxes.gamma_function import GammaIncC as GammaIncC
from flowgraph.boxes.gamma_function import GammaLn as GammaLn
from flowgraph.boxes.gauge import Gauge as Gauge
from flowgraph.boxes.comparison import Greater as Greater
from flowgraph.boxes.comparison import GreaterEqual as GreaterEqual
from flowgraph.boxes.signs import Heaviside as Heaviside
from flowgraph.boxes.elementwise_loss import Hinge as Hinge
from flowgraph.boxes.elementwise_loss import Huber as Huber
from flowgraph.boxes.trigonometric import Hypot as Hypot
from flowgraph.boxes.fourier import Ifft as Ifft
from flowgraph.boxes.complex_numbers import Imag as Imag
from flowgraph.boxes.indexing import Index as Index
from flowgraph.boxes.indexing import IndexAdd as IndexAdd
from flowgraph.boxes.interpolation import Interp as Interp
from flowgraph.boxes.inverse import Inv as Inv
from flowgraph.boxes.exponential_integral import InverseBoxCox as InverseBoxCox
from flowgraph.boxes.bitwise import Invert as Invert
from flowgraph.boxes.fourier import Irfft as Irfft
from flowgraph.boxes.comparison import IsFinite as IsFinite
from flowgraph.boxes.comparison import IsInf as IsInf
from flowgraph.boxes.comparison import IsNan as IsNan
from flowgraph.boxes.entropy import KlDiv as KlDiv
from flowgraph.boxes.regularizer import L1 as L1
from flowgraph.boxes.regularizer import L2 as L2
from flowgraph.boxes.signs import Ldexp as Ldexp
from flowgraph.boxes.activation import LeakyReLU as LeakyReLU
from flowgraph.boxes.bitwise import LeftShift as LeftShift
from flowgraph.boxes.comparison import Less as Less
from flowgraph.boxes.comparison import LessEqual as LessEqual
from flowgraph.boxes.exponential import Log as Log
from flowgraph.boxes.exponential import Log10 as Log10
from flowgraph.boxes.exponential import Log1p as Log1p
from flowgraph.boxes.exponential import Log2 as Log2
from flowgraph.boxes.exponential import LogAddExp as LogAddExp
from flowgraph.boxes.exponential import LogAddExp2 as LogAddExp2
from flowgraph.boxes.entropy import LogExpit as LogExpit
from flowgraph.boxes.gamma_function import LogGamma as LogGamma
from flowgraph.boxes.error_function import LogNormalCdf as LogNormalCdf
from flowgraph.boxes.exponential_integral import LogRatio as LogRatio
from flowgraph.boxes.softmax import LogSoftmax as LogSoftmax
from flowgraph.boxes.reduction import LogSumExp as LogSumExp
from flowgraph.boxes.comparison import LogicalAnd as LogicalAnd
from flowgraph.boxes.comparison import LogicalNot as LogicalNot
from flowgraph.boxes.comparison import LogicalOr as LogicalOr
from flowgraph.boxes.comparison import LogicalXor as LogicalXor
from flowgraph.boxes.entropy import Logit as Logit
from flowgraph.boxes.linear_algebra import MatMul as MatMul
from flowgraph.boxes.extremes import Max as Max
from flowgraph.boxes.pooling import MaxPool as MaxPool
from flowgraph.boxes.selection import Maximum as Maximum
from flowgraph.boxes.reduction import Mean as Mean
from flowgraph.boxes.pooling import MeanOfLargest as MeanOfLargest
from flowgraph.boxes.pooling import MeanPool as MeanPool
from flowgraph.boxes.quantile import Median as Median
from flowgraph.boxes.extremes import Min as Min
from flowgraph.boxes.selection import Minimum as Minimum
from flowgraph.boxes.label import MinusAt as MinusAt
from flowgraph.boxes.modified_bessel import ModifiedBessel as ModifiedBessel
from flowgraph.boxes.arithmetic import Multiply as Multiply
from flowgraph.boxes.selection import NanToNum as NanToNum
from flowgraph.boxes.arithmetic import Negative as Negative
from flowgraph.boxes.loss import NegativeLogLikelihood as NegativeLogLikelihood
from flowgraph.boxes.searching import Nonzero as Nonzero
from flowgraph.boxes.normal import NormalCdf as NormalCdf
from flowgraph.boxes.error_function import NormalHazard as NormalHazard
from flowgraph.boxes.error_function import NormalQuantile as NormalQuantile
from flowgraph.boxes.comparison import NotEqual as NotEqual
from flowgraph.boxes.diagonal import OnDiagonal as OnDiagonal
from flowgraph.boxes.label import OneHot as OneHot
from flowgraph.boxes.product import Others as Others
from flowgraph.boxes.norm import PNorm as PNorm
from flowgraph.boxes.padding import Pad as Pad
from flowgraph.boxes.part import Part as Part
from flowgraph.boxes.least_squares import Pinv as Pinv
from flowgraph.boxes.label import PlaceOf as PlaceOf
from flowgraph.boxes.label import PlacesOf as PlacesOf
from flowgraph.boxes.polynomial import PolyVal as PolyVal
from flowgraph.boxes.gamma_function import Polygamma as Polygamma
from flowgraph.boxes.arithmetic import Positive as Positive
from flowgraph.boxes.power import Power as Power
from flowgraph.boxes.product import Prod as Prod
from flowgraph.boxes.factorisation import QR as QR
from flowgraph.boxes.quantile import Quantile as Quantile
from flowgraph.boxes.trigonometric import Radians as Radians
from flowgraph.boxes.activation import ReLU as ReLU
from flowgraph.boxes.complex_numbers import Real as Real
from flowgraph.boxes.power import Reciprocal as Reciprocal
from flowgraph.boxes.gamma_function import ReciprocalGamma as ReciprocalGamma
from flowgraph.boxes.entropy import RelEntr as RelEntr
from flowgraph.boxes.arithmetic import Remainder as Remainder
from flowgraph.boxes.rows import RepeatRows as RepeatRows
from flowgraph.boxes.shape import Reshape as Reshape
from flowgraph.boxes.likeness import ReshapeLike as ReshapeLike
from flowgraph.boxes.fourier import Rfft as Rfft
from flowgraph.boxes.bitwise import RightShift as RightShift
from flowgraph.boxes.rounding import Rint as Rint
from flowgraph.boxes.arrangement import Roll as Roll
from flowgraph.boxes.rounding import Round as Round
from flowgraph.boxes.rows import RowsAs as RowsAs
from flowgraph.boxes.singular_values import SVD as SVD
from flowgraph.boxes.searching import SearchSorted as SearchSorted
from flowgraph.boxes.setting import SetAt as SetAt
from flowgraph.boxes.activation import SiLU as SiLU
from flowgraph.boxes.activation import Sigmoid as Sigmoid
from flowgraph.boxes.selection import Sign as Sign
from flowgraph.boxes.comparison import SignBit as SignBit
from flowgraph.boxes.trigonometric import Sin as Sin
from flowgraph.boxes.trigonometric import Sinc as Sinc
from flowgraph.boxes.hyperbolic import Sinh as Sinh
from flowgraph.boxes.determinant import SlogDet as SlogDet
from flowgraph.boxes.softmax import Softmax as Softmax
from flowgraph.boxes.loss import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from flowgraph.boxes.activation import Softplus as Softplus
from flowgraph.boxes.inverse import Solve as Solve
from flowgraph.boxes.exponential_integral import Spence as Spence
from flowgraph.boxes.splitting import Split as Split
from flowgraph.boxes.joining import SplitLike as SplitLike
from flowgraph.boxes.pooling import SpreadEvenly as SpreadEvenly
from flowgraph.boxes.pooling import SpreadToLargest as SpreadToLargest
from flowgraph.boxes.power import Sqrt as Sqrt
from flowgraph.boxes.power import Square as Square
from flowgraph.boxes.elementwise_loss import SquaredError as SquaredError
from flowgraph.boxes.shape import Squeeze as Squeeze
from flowgraph.boxes.joining import Stack as Stack
from flowgraph.boxes.reduction import Std as Std
from flowgraph.boxes.arithmetic import Subtract as Subtract
from flowgraph.boxes.reduction import Sum as Sum
from flowgraph.boxes.likeness import SumLike as SumLike
from flowgraph.boxes.taking import TakeAlongAxis as TakeAlongAxis
from flowgraph.boxes.trigonometric import Tan as Tan
from flowgraph.boxes.hyperbolic import Tanh as Tanh
from flowgraph.boxes.linear_algebra import TensorDot as TensorDot
from flowgraph.boxes.arrangement import Transpose as Transpose
from flowgraph.boxes.diagonal import Tril as Tril
from flowgraph.boxes.diagonal import Triu as Triu
from flowgraph.boxes.rounding import Trunc as Trunc
from flowgraph.boxes.rows import UnitRows as UnitRows
from flowgraph.boxes.splitting import Unstack as Unstack
from flowgraph.boxes.signal import Unwrap as Unwrap
from flowgraph.boxes.reduction import Var as Var
from flowgraph.boxes.selection import Where as Where
from flowgraph.boxes.entropy import XLog1pY as XLog1pY
from flowgraph.boxes.entropy import XLogY as XLogY
from flowgraph.boxes.setting import add_at as add_at
from flowgraph.boxes.indexing import arange_like as arange_like
from flowgraph.boxes.likeness import broadcast_like as broadcast_like
from flowgraph.boxes.likeness import count_like as count_like
from flowgraph.boxes.activation import elu as elu
from flowgraph.boxes.likeness import fit_like as fit_like
from flowgraph.boxes.activation import gelu as gelu
from flowgraph.boxes.activation import leaky_relu as leaky_relu
from flowgraph.boxes.activation import linear as linear
from flowgraph.boxes.softmax import log_softmax as log_softmax
from flowgraph.boxes.reduction import logsumexp as logsumexp
from flowgraph.boxes.reduction import mean as mean
from flowgraph.boxes.gamma_function import polygamma as polygamma
from flowgraph.boxes.activation import relu as relu
from flowgraph.boxes.likeness import reshape_like as reshape_like
from flowgraph.boxes.setting import set_at as set_at
from flowgraph.boxes.activation import sigmoid as sigmoid
from flowgraph.boxes.activation import silu as silu
from flowgraph.boxes.softmax import softmax as softmax
from flowgraph.boxes.activation import softplus as softplus
from flowgraph.boxes.reduction import sum as sum
from flowgraph.boxes.likeness import sum_like as sum_like

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
    "sum",
    "sum_like",
]
