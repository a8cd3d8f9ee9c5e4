"""`jvp`, `vjp` and `hvp`: the products with a derivative, forward, backward and of second order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tidu.api.options import Argnums, check_argnums, check_function, chosen, one_or_all
from tidu.calculus.differentiate import gradient_from_adjoint
from tidu.calculus.modes import as_run, pulled, pushed
from tidu.checking.cancellation import warn_digits_of_results
from tidu.errors import InputError
from tidu.ir.build import constant, filled, input_node, substitute
from tidu.ir.node import Node
from tidu.ir.types import Type
from tidu.running.results import Redo, Rest, finish, has_boundaries, nodes_of, redo_of, rest_of
from tidu.tracing.calling import bind, bound, function_name
from tidu.tracing.directions import COTANGENT, TANGENT, directions
from tidu.tracing.record import running
from tidu.tracing.regions import Region, open_region
from tidu.tracing.stage import Stage, stage
from tidu.tracing.tree import Key, leaves, replace
from tidu.words import Words, verbatim

_COUNT = Words(
    en="{function} is derived at {wanted} argument(s), got {got} {kind}(s)",
    zh="{function} 有 {wanted} 个参数，却给出 {got} 个{kind}",
)
_NO_DIRECTION = Words(
    en="hvp({function}) takes the arguments of {function} and, after them, a vector",
    zh="hvp({function}) 先接受 {function} 的参数，最后再接受一个向量",
)


def jvp(function: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Return the value of `function` at `primals` and its differential along `tangents`, J·v.

    primals: the arguments in a tuple (what is no tuple or list is the only argument): arrays of any
    shape, or trees of them. tangents: for each argument a direction of its structure and shapes;
    None where an argument is held fixed. The result may be an array of any shape or a tree; the
    differential has its structure and shapes, and is zero for masks and counts.

    Raises InputError and ShapeError for tangents that do not fit their arguments, DTypeError for
    arguments that are no numbers.

    >>> import numpy as np
    >>> value, change = jvp(np.sin, (np.array([0.0, np.pi]),), (np.array([1.0, 2.0]),))
    >>> change.tolist()
    [1.0, -2.0]
    """
    check_function("jvp", function)
    args, moves = _several(primals), _several(tangents)
    if len(args) != len(moves):
        facts = {"wanted": len(args), "got": len(moves), "kind": TANGENT()}
        raise InputError(_COUNT(function=function_name(function), **facts))
    with stage(function) as here:
        named = bind(function, args)
        given = here.give(named)
        moving = [(name, v) for (name, _), v in zip(named, moves, strict=True) if v is not None]
        region = open_region(here, function, given, [name for name, _ in moving])
        tangent_of: dict[Node, Node] = {}
        for name, tree in moving:
            tangent_of |= _along(here, region, name, tree)
        outputs = region.outputs
        differentials = {node: filled(0.0, Type(node.shape)) for node in outputs}
        differentials |= dict(zip(region.moving, pushed(region.moving, tangent_of), strict=True))
        run = dict(zip(outputs, as_run(outputs), strict=True))
        value, inner = _with(region.result, run), [run[node] for node in region.derivatives]
        value, slopes, inner = region.close((value, _with(region.result, differentials), inner))
        derived, lower = nodes_of(slopes), nodes_of(inner)
        again = functools.partial(_pushed_again, function, tangents)
        redo = redo_of(again, function, here, named)
        what, of = f"jvp({region.function})", region.functions
        tree = value, slopes
        names = region.display_names
        return finish(
            here,
            tree,
            what,
            names,
            of=of,
            derived=derived,
            lower=lower,
            redo=redo,
            look=warn_digits_of_results,
        )


def _pushed_again(
    function: Callable[..., Any], tangents: Any, *args: Any, **kwargs: Any
) -> tuple[Any, Any]:
    return jvp(functools.partial(function, **kwargs) if kwargs else function, args, tangents)


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the value of `function` and the function that pulls gradients back through it, vᵀJ.

    The second takes a cotangent, of the structure and shapes of the value, and returns a tuple with
    a gradient for each argument, of its structure and shapes. It may be called many times, also in
    a function that is being derived. Complex numbers are not conjugated (as in autograd and JAX):
    ⟨cotangent, J·v⟩ = ⟨pulled, v⟩ with ⟨u, v⟩ = Re Σ u·v, and of f analytic at z the pull-back is
    u ↦ u·f′(z).

    Raises InputError and ShapeError for a cotangent that does not fit the value, DTypeError for
    arguments that are no numbers.

    >>> import numpy as np
    >>> value, pull = vjp(lambda A, x: A @ x, np.eye(2), np.array([1.0, 2.0]))
    >>> pull(np.array([1.0, 0.0]))[0].tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """
    check_function("vjp", function)
    with stage(function) as here:
        named = bind(function, primals)
        region = open_region(here, function, here.give(named), [name for name, _ in named])
        run = dict(zip(region.outputs, as_run(region.outputs), strict=True))
        inner = [run[node] for node in region.derivatives]
        tree, inner = region.close((_with(region.result, run), inner))

        def again(part: Callable[[Any], Any]) -> Redo:
            """Return a part of what `vjp` gives, at other values."""

            def elsewhere(*args: Any, **kwargs: Any) -> Any:
                at = functools.partial(function, **kwargs) if kwargs else function
                return part(vjp(at, *args))

            return redo_of(elsewhere, function, here, named)

        derived, redo = nodes_of(inner), again(lambda found: found[0])
        value = finish(
            here, tree, region.function, region.display_names, derived=derived, redo=redo
        )

    names = [name for name, _ in named]
    rests: dict[tuple[Node, ...], Rest] = {}

    @functools.wraps(function)
    def pull(cotangent: Any) -> Any:
        redo = again(lambda found: found[1](cotangent))
        return _pull(region, names, cotangent, rests, redo)

    return value, pull


def hvp(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return a function that multiplies the Hessian of a loss with a vector, without forming it.

    It takes the arguments of `function` and after them the vector: of the structure and shapes of
    the argument at `argnums`; for several argnums a tuple. So does its result. It is the change of
    `grad(function)` along the vector, for complex arguments too.

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 10.0])).tolist()
    [6.0, 120.0]
    """
    check_function("hvp", function)
    check_argnums(argnums)

    @functools.wraps(function)
    def product(*args: Any, **kwargs: Any) -> Any:
        name = function_name(function)
        if len(args) < 2:
            raise InputError(_NO_DIRECTION(function=name), fix=verbatim(f"hvp({name})(x, v)"))
        with stage(function) as here:
            named = bind(function, bound(function, args[:-1], kwargs))
            given = here.give(named)
            wrt = chosen(function, [n for n, _ in given], argnums)
            region = open_region(here, function, given, wrt, scalar=True, order=2)
            trees = [args[-1]] if isinstance(argnums, int) else _several(args[-1])
            if len(trees) != len(wrt):
                facts = {"wanted": len(wrt), "got": len(trees), "kind": TANGENT()}
                raise InputError(_COUNT(function=name, **facts))
            along: dict[Node, Node] = {}
            for parameter, tree in zip(wrt, trees, strict=True):
                along |= _along(here, region, parameter, tree)
            (loss,) = region.outputs

            def along_it(*moved: Any, **more: Any) -> Any:
                return product(*moved, args[-1], **more)

            adjoints = pulled([loss], [filled(1.0, loss.type)], region.wrt, region.lines)
            slopes = [gradient_from_adjoint(adjoint) for adjoint in adjoints]
            second = dict(zip(region.wrt, pushed(slopes, along), strict=True))
            products = [region.like(parameter, second) for parameter in wrt]
            tree = region.close(one_or_all(products, argnums))
            what, of = f"hvp({region.function})", region.functions
            redo = redo_of(along_it, function, here, named)
            return finish(
                here,
                tree,
                what,
                region.display_names,
                of=of,
                redo=redo,
                look=warn_digits_of_results,
            )

    return product


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _with(tree: Any, image: dict[Node, Node]) -> Any:
    return replace(tree, lambda _, node: image[node])


def _along(here: Stage, region: Region, name: str, tree: Any) -> dict[Node, Node]:
    """Return the tangent of each variable of a parameter."""
    own = {path: node for (owner, path), node in region.variables.items() if owner == name}
    found = directions(here, TANGENT, name, own, tree)
    at = {node: i for i, node in enumerate(region.wrt)}
    return {own[path]: region.hold(tangent, at[own[path]]) for path, tangent in found.items()}


def _pull(
    region: Region,
    names: Sequence[str],
    cotangent: Any,
    rests: dict[tuple[Node, ...], Rest],
    redo: Redo,
) -> Any:
    around = running.get()
    home = region.stage
    if home.own and around is None:
        here = Stage(home.recorder, True, dict(home.inputs), dict(home.values))
    else:
        here = Stage(around or home.recorder, False)
    parts: dict[tuple[Key, ...], Node] = {x.path: x.value for x in leaves("", region.result)}
    seeds = directions(here, COTANGENT, region.function, parts, cotangent)
    what = f"vjp({region.function})"
    if not home.own:
        seeds = {p: region.hold(seed, i) for i, (p, seed) in enumerate(seeds.items())}
        tree = region.close(_gradients(region, names, parts, seeds))
        return finish(here, tree, what, region.display_names, of=region.functions)
    if here.own:
        order = tuple(seeds.values())
        if has_boundaries(region.outputs, home):
            tree = _gradients(region, names, parts, seeds)
            return finish(here, tree, what, region.display_names, of=region.functions, redo=redo)
        if order not in rests:  # the way forward is gone once
            tree = _gradients(region, names, parts, seeds)
            of = home.recorder.plain_functions(region.functions)
            rests[order] = rest_of(tree, order, home.values, of)
        return rests[order].finish(here, what, region.display_names, warn_digits_of_results)
    # Pulled back in a later trace, where what was given is a constant. An input of that trace may
    # have the name of one here: variables keep them apart.
    seed_inputs = {
        p: input_node(f"·d{i}", s.shape, s.dtype) for i, (p, s) in enumerate(seeds.items())
    }
    place = {node: constant(home.values[name]) for name, node in home.inputs.items()}
    place |= {seed_inputs[path]: seed for path, seed in seeds.items()}
    tree = _gradients(region, names, parts, seed_inputs)
    nodes = [leaf.value for leaf in leaves("", tree) if isinstance(leaf.value, Node)]
    image = dict(zip(nodes, substitute(nodes, place), strict=True))
    return here.wrap(replace(tree, lambda _, x: image.get(x, x) if isinstance(x, Node) else x))


def _gradients(
    region: Region,
    names: Sequence[str],
    parts: dict[tuple[Key, ...], Node],
    seeds: dict[tuple[Key, ...], Node],
) -> tuple[Any, ...]:
    """Return the gradient trees of the parameters, from a seed for each part of the result."""
    moving = set(region.moving)
    order = [path for path, node in parts.items() if node in moving]
    adjoints = pulled(
        [parts[p] for p in order], [seeds[p] for p in order], region.wrt, region.lines
    )
    gradients = dict(zip(region.wrt, adjoints, strict=True))
    return tuple(region.like(name, gradients) for name in names)
