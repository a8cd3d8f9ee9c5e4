"""The rule for one of several results that are known one by one."""

from __future__ import annotations

from tidu.ir.build import apply, input_node
from tidu.ir.rule import rule
from tidu.ops.define import says
from tidu.ops.results import item, tuple_

rule(
    name="a result of several that are known",
    root=item,
    apply=lambda node, atoms: (
        node.inputs[0].inputs[node.attrs["index"]]
        if node.inputs[0].op is tuple_ and node.inputs[0].id not in atoms
        else None
    ),
    says=says("the results are known one by one", "各个结果已分别知道"),
    source="definition",
    purpose="simplify",
    complex=True,
    example=lambda: [
        apply(item, apply(tuple_, input_node("x", (2,)), input_node("y", (3,))), index=1)
    ],
)
