"""What a traced function must not do, said with the user's line and a way that works."""

from __future__ import annotations

import ast
from types import FrameType
from typing import Any

import numpy as np

from tidu.errors import DTypeError, Place, TiduError, TraceError
from tidu.tracing.places import Places
from tidu.words import Phrase, Words, verbatim

_NUMBER = Words(
    en="{call} turns a traced value into a plain Python number; the derivation stops here",
    zh="{call} 把被追踪的值变成普通的 Python 数，推导到这里就断了",
)
_NUMBER_WHY = Words(
    en="a plain number does not know what it was calculated from, so its derivative would be lost",
    zh="普通的数不再记得自己是怎样算出来的，导数会因此丢失",
)
_NUMBER_FIX = Words(
    en="{value} without {name}(); {value}.item() also gives one number and keeps the derivative",
    zh="直接用 {value}，去掉 {name}()；{value}.item() 也给出一个数，并且保留导数",
)
_MATH = Words(
    en="math.{name} takes plain Python numbers; here it gets a traced value",
    zh="math.{name} 只接受普通的 Python 数，而这里得到的是被追踪的值",
)
_NP_FIX = Words(en="np.{name}({arguments})", zh="np.{name}({arguments})")
_SCIPY = Words(
    en="{name} is SciPy's and takes plain arrays; here it gets a traced value",
    zh="{name} 是 SciPy 的函数，只接受普通数组，而这里得到的是被追踪的值",
)
# What tidu.scipy has under SciPy's names (tests/scipy/test_refusals.py compares).
IN_TIDU_SCIPY = {
    "scipy.integrate": ("odeint",),
    "scipy.signal": ("convolve",),
    "scipy.special": (
        *("factorial", "log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta"),
    ),
    "scipy.stats": (
        *("beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"),
    ),
}
_NO_ENTRIES = Words(
    en="{value} is a single number: it has no length and no entries to go through",
    zh="{value} 是单个数：没有长度，也没有可以逐个取出的元素",
)
_ARRAY = Words(
    en="{call} makes an ordinary array out of traced values; their derivatives would be lost",
    zh="{call} 把被追踪的值变成普通数组，导数会因此丢失",
)
_STACK_FIX = Words(
    en="np.stack([...]) to put traced values together, or tidu.numpy.array(...)",
    zh="用 np.stack([...]) 把被追踪的值拼在一起，或用 tidu.numpy.array(...)",
)
_AS_IS_FIX = Words(en="{value} as it is: it already is an array", zh="直接用 {value}：它已经是数组")
_WHOLE_FIX = Words(
    en="the formula on whole arrays: NumPy's operators work element by element",
    zh="直接对整个数组写公式：NumPy 的运算符本来就是逐元素的",
)
_INDEX = Words(
    en="an ordinary array is indexed with a traced value in {code}",
    zh="{code} 用被追踪的值作为普通数组的下标",
)
_TAKE_FIX = Words(en="np.take({array}, {index}, axis=0)", zh="np.take({array}, {index}, axis=0)")
_STORE = Words(
    en="assignment into an array cannot be derived: {code}",
    zh="对数组元素赋值无法求导：{code}",
)
_STORE_WHY = Words(
    en="an array that changes while the function runs has no single formula",
    zh="在函数运行中被改写的数组没有唯一的公式",
)
_STORE_FIX = Words(
    en="build the array at once: np.stack([...]), np.concatenate([...]), np.where(mask, new, old)",
    zh="一次建好整个数组：np.stack([...])、np.concatenate([...]) 或 np.where(条件, 新值, 旧值)",
)
_OUT = Words(
    en="{code} writes a traced value into an array that already exists",
    zh="{code} 把被追踪的值写进已有的数组",
)
_OUT_FIX = Words(
    en="a new value: total = total + x instead of total += x, and no out=",
    zh="生成新值：写 total = total + x，而不是 total += x；也不要用 out=",
)
_ALIAS = Words(
    en="{code} changes an array in place that shares its elements with another one",
    zh="{code} 就地改变的数组与另一个数组共用元素",
)
_ALIAS_FIX = Words(en="a = a + b instead of a += b", zh="写 a = a + b，而不是 a += b")
_BRANCH = Words(
    en="the branch depends on values, and this derivation knows shapes only: {code}",
    zh="这个分支取决于数值，而这次推导只知道形状：{code}",
)
_BRANCH_FIX = Words(en="np.where(cond, a, b)", zh="np.where(cond, a, b)")
_SIZE = Words(
    en="{code} needs a number where a size is a letter",
    zh="{code} 需要具体的数，而这里的大小是字母",
)
_SIZE_FIX = Words(
    en="a number for the size in shapes=…, or tidu.numpy.arange, .zeros, .ones, .eye instead of "
    "those of NumPy",
    zh="在 shapes=… 中给出大小的数值，或把 NumPy 的 arange、zeros、ones、eye 换成 tidu.numpy 的",
)
_MANY = Words(
    en="the truth of {count} values at once is not clear: {code}",
    zh="同时有 {count} 个值，无法判断真假：{code}",
)
_MANY_FIX = Words(
    en="np.all(...) or np.any(...), or np.where(cond, a, b) for a choice element by element",
    zh="用 np.all(...) 或 np.any(...)；要逐元素选择，用 np.where(cond, a, b)",
)
_UNSUPPORTED = Words(
    en="{name} is not among the functions that tidu derives",
    zh="{name} 不在 tidu 能求导的函数之中",
)
_METHOD = Words(en="traced arrays have no attribute {name}", zh="被追踪的数组没有属性 {name}")
_FUNCTION = Words(en="{function}(...)", zh="{function}(...)")
_OPERAND = Words(
    en="cannot calculate with {value} (a {kind})", zh="不能用 {value}（类型 {kind}）做计算"
)
_FOREIGN = Words(
    en="a traced value is used outside the call of {function} that it belongs to",
    zh="被追踪的值在它所属的那次 {function} 调用之外被使用",
)
_FOREIGN_WHY = Words(
    en="it was kept in a global, an attribute or a list, or belongs to another derivation",
    zh="它被存进了全局变量、属性或列表，或属于另一次推导",
)
_FOREIGN_FIX = Words(
    en="hand values in as arguments and out with return", zh="用参数传入、用 return 传出"
)
_BITS = Words(
    en="&, |, ^ and ~ combine truth values here, not the bits of numbers: {code}",
    zh="这里的 &、|、^、~ 用于真假值，不按位计算数：{code}",
)
_BITS_FIX = Words(en="(x > 0) & (y > 0)", zh="(x > 0) & (y > 0)")
_INTEGERS = Words(
    en="the derivative of rounding to integers is zero almost everywhere, and does not exist at a "
    "jump: {code}",
    zh="取整的导数几乎处处为零，在跳变处不存在：{code}",
)
_INTEGERS_FIX = Words(
    en="round before the function is called, and pass the integers in",
    zh="在调用函数之前取整，再把整数作为参数传入",
)
_LENGTH = Words(
    en="the length has no number here, only the name {size}",
    zh="这里的长度没有具体的数，只有名字 {size}",
)
_LENGTH_FIX = Words(en="x.shape[0] instead of len(x)", zh="写 x.shape[0]，而不是 len(x)")
_HERE = Words(en="this line", zh="这一行")


def code_of(place: Place | None) -> Phrase:
    """Return the source code at a place, or a description if there is no source."""
    if place is None or place.text is None:
        return _HERE()
    text = place.text[place.start : place.end] if place.start is not None else place.text.strip()
    return verbatim(text if len(text) <= 60 else text[:57] + "...")


def to_number(place: Place | None, expression: ast.AST | None, name: str) -> TraceError:
    """Return the error for float(x), int(x), math.sin(x), "%f" % x and the like."""
    match expression:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=function), args=args):
            arguments = ", ".join(ast.unparse(a) for a in args)
            fix = _NP_FIX(name=function, arguments=arguments)
            return TraceError(_MATH(name=function), place=place, why=_NUMBER_WHY(), fix=fix)
        case ast.Call(func=ast.Name(id=function), args=[value]):
            shown = ast.unparse(value)
            fix = _NUMBER_FIX(value=shown, name=function)
            return TraceError(
                _NUMBER(call=f"{function}({shown})"), place=place, why=_NUMBER_WHY(), fix=fix
            )
        case _:
            pass
    fix = _NUMBER_FIX(value="x", name=name)
    return TraceError(_NUMBER(call=code_of(place)), place=place, why=_NUMBER_WHY(), fix=fix)


def to_array(place: Place | None, expression: ast.AST | None) -> TraceError:
    """Return the error for np.array([x]), np.asarray(x), ordinary[x]."""
    match expression:
        case ast.Subscript(value=array, slice=index):
            fix = _TAKE_FIX(array=ast.unparse(array), index=ast.unparse(index))
            return TraceError(_INDEX(code=code_of(place)), place=place, fix=fix)
        case ast.Call(
            func=ast.Attribute(attr="asarray" | "array" | "asanyarray" | "ascontiguousarray"),
            args=[ast.Name() | ast.Attribute() | ast.BinOp() as value, *_],
        ):
            fix = _AS_IS_FIX(value=ast.unparse(value))
        case ast.Call(func=ast.Attribute(value=array, attr=method), args=[value]) if (
            method == np.ndarray.dot.__name__
        ):
            fix = _NP_FIX(name="dot", arguments=f"{ast.unparse(array)}, {ast.unparse(value)}")
        case ast.Call(func=ast.Call(func=ast.Attribute(attr="vectorize"))):
            fix = _WHOLE_FIX()
        case _:
            fix = _STACK_FIX()
    return TraceError(_ARRAY(call=code_of(place)), place=place, why=_NUMBER_WHY(), fix=fix)


def to_scipy(place: Place | None, expression: ast.AST | None, library: str) -> TraceError:
    """Return the error for a function of SciPy that is no ufunc: logsumexp(x), norm.pdf(x),
    odeint(f, y, t)."""
    function = ast.unparse(expression.func) if isinstance(expression, ast.Call) else library
    parts = function.split(".")
    known = IN_TIDU_SCIPY.get(library, ())
    owner = parts[-2] if len(parts) > 1 else ""
    fix: Phrase | None = None
    if parts[-1] in known:
        fix = _FUNCTION(function=f"tidu.{library}.{parts[-1]}")
    elif owner in known:
        fix = _FUNCTION(function=f"tidu.{library}.{owner}.{parts[-1]}")
    return TraceError(_SCIPY(name=function), place=place, why=_NUMBER_WHY(), fix=fix)


def made_array(places: Places, frame: FrameType | None) -> TraceError:
    """Return the error for what makes an ordinary array of a traced one in a frame."""
    if frame is None:
        return to_array(None, None)
    place = places.place(frame)
    if places.is_stored(frame):
        return stored(place)
    expression, library = places.expression(frame), places.scipy_below(frame)
    if library is not None:
        return to_scipy(place, expression, library)
    return to_array(place, expression)


def made_number(places: Places, frame: FrameType | None, name: str) -> TraceError:
    """Return the error for what makes a plain number of a traced one in a frame."""
    if frame is None:
        return to_number(None, None, name)
    place = places.place(frame)
    if places.is_stored(frame):
        return stored(place)
    return to_number(place, places.expression(frame), name)


def stored(place: Place | None) -> TraceError:
    """Return the error for a[0] = x."""
    line = verbatim(place.text.strip()) if place is not None and place.text else _HERE()
    return TraceError(_STORE(code=line), place=place, why=_STORE_WHY(), fix=_STORE_FIX())


def out_given(place: Place | None) -> TraceError:
    return TraceError(_OUT(code=code_of(place)), place=place, why=_STORE_WHY(), fix=_OUT_FIX())


def shared(place: Place | None) -> TraceError:
    return TraceError(_ALIAS(code=code_of(place)), place=place, why=_STORE_WHY(), fix=_ALIAS_FIX())


def branch(place: Place | None) -> TraceError:
    return TraceError(_BRANCH(code=code_of(place)), place=place, fix=_BRANCH_FIX())


def size(place: Place | None) -> TraceError:
    return TraceError(_SIZE(code=code_of(place)), place=place, fix=_SIZE_FIX())


def many(place: Place | None, count: int) -> TraceError:
    return TraceError(_MANY(code=code_of(place), count=count), place=place, fix=_MANY_FIX())


def unsupported(place: Place | None, path: str, why: Phrase | None = None) -> TraceError:
    name = "np." + path.removeprefix("numpy.") if path.startswith("numpy.") else path
    return TraceError(_UNSUPPORTED(name=name), place=place, why=why)


class MissingAttributeError(TraceError, AttributeError):
    """An error that is an AttributeError too, so that hasattr() and getattr() with a default answer
    as for any object."""


def attribute(
    place: Place | None, name: str, close: str | None, function: str | None = None
) -> TiduError:
    fix = verbatim(f".{close}") if close else None
    if function is not None:
        fix = _FUNCTION(function=function)
    return MissingAttributeError(_METHOD(name=name), place=place, fix=fix)


def operand(place: Place | None, value: Any) -> DTypeError:
    return DTypeError(_OPERAND(value=repr(value)[:60], kind=type(value).__name__), place=place)


def foreign(place: Place | None, function: str) -> TraceError:
    return TraceError(
        _FOREIGN(function=function), place=place, why=_FOREIGN_WHY(), fix=_FOREIGN_FIX()
    )


def bits(place: Place | None) -> TraceError:
    return TraceError(_BITS(code=code_of(place)), place=place, fix=_BITS_FIX())


def integers(place: Place | None) -> TraceError:
    return TraceError(_INTEGERS(code=code_of(place)), place=place, fix=_INTEGERS_FIX())


def no_entries(place: Place | None, value: str) -> TraceError:
    return TraceError(_NO_ENTRIES(value=value), place=place)


def length(place: Place | None, size: object) -> TraceError:
    return TraceError(_LENGTH(size=size), place=place, fix=_LENGTH_FIX())
