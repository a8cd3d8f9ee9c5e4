"""A document with every kind of block, as the tests of all printers use it."""

from __future__ import annotations

from tidu.document.blocks import (
    CodeBlock,
    CurveFigure,
    Document,
    Equation,
    GraphEdge,
    GraphFigure,
    GraphNode,
    Note,
    Paragraph,
    RuleUsed,
    Section,
    Step,
    Table,
    Verdict,
)
from tidu.document.math import (
    Cases,
    Derivative,
    Fence,
    Matrix,
    Negative,
    Number,
    Product,
    Relation,
    Say,
    Sum,
    Transpose,
    symbol,
)
from tidu.words import Words, verbatim

L, W1, x, b1, y1, y3, y_true = (
    symbol(name) for name in ("L", "W1", "x", "b1", "y1", "y3", "y_true")
)


def matrix(*rows: tuple[object, ...]) -> Matrix:
    return Matrix(tuple(tuple(Number(str(entry)) for entry in row) for row in rows))


forward = Step(
    Equation((
        y1,
        Sum((Product((W1, x)), b1)),
        Sum((Product((matrix((1, 1, 1), (1, 1, 1), (1, 1, 1)), matrix((1,), (2,), (3,)))),
             matrix((0,), (0,), (0,)))),
        matrix((6,), (6,), (6,)),
    )),
    label=Words(en="First layer", zh="第 1 层")(),
    shape=Say(verbatim("(3,3)·(3,1) + (3,1) → (3,1)")),
    rule=Words(en="product and sum", zh="乘法与加法")(),
    rules=(RuleUsed(Words(en="matrix product", zh="矩阵乘积")(), "Seed 000"),),
    remarks=(Words(en="{y} is used again", zh="还要用到 {y}")(y=y1),),
    covers=(1, 2),
)  # fmt: skip
backward = Step(
    Equation((
        Derivative(L, y3),
        Cases((
            (Number("1"), Relation((y3, y_true), (">",))),
            (Number("-1"), Relation((y3, y_true), ("<",))),
        )),
        Number("1"),
    ))
)  # fmt: skip
graph = GraphFigure(
    (
        GraphNode("a", symbol("a"), Number("5"), Number("3"), "input"),
        GraphNode("b", symbol("b"), Number("3"), Number("6"), "input"),
        GraphNode("c", symbol("c"), Number("2"), Number("9"), "input"),
        GraphNode("v", symbol("v"), Number("6"), Number("3")),
        GraphNode("u", symbol("u"), Number("11"), Number("3")),
        GraphNode("J", symbol("J"), Number("33"), Number("1"), "output"),
    ),
    (
        GraphEdge("a", "u", Number("1")),
        GraphEdge("b", "v", symbol("c")),
        GraphEdge("c", "v", symbol("b")),
        GraphEdge("v", "u", Number("1")),
        GraphEdge("u", "J", Number("3")),
    ),
    Words(en="The graph of {f}", zh="{f} 的计算图")(f=symbol("J")),
)
document = Document(
    Words(en="A network & its 100% gradient", zh="网络与它的 100% 梯度")(),
    (
        Paragraph(
            Words(
                en="The loss is {L}; {a_b} and *stars* stay as they are.",
                zh="损失函数是{L}，{a_b} 与 *星号* 原样保留。",
            )(L=Relation((L, Fence(Sum((y3, Negative(y_true))), "|", "|")), ("=",)), a_b="a_b")
        ),
        Section(Words(en="Forward pass", zh="前向传播")(), (forward,)),
        Section(
            Words(en="Backward pass", zh="反向传播")(),
            (
                backward,
                Equation((L, Fence(Sum((Number("120"), Negative(Number("50")))), "|", "|"))),
                Section(
                    Words(en="Checks", zh="检验")(),
                    (
                        Note("kink", Words(en="{x} is on the kink", zh="{x} 在不可导点上")(x=x)),
                        Verdict(
                            True, Words(en="right", zh="对")(), (Words(en="1e-10", zh="1e-10")(),)
                        ),
                        Verdict(False, Words(en="∂L/∂W₃ = ±1·y₂ᵀ", zh="∂L/∂W₃ = ±1·y₂ᵀ")()),
                        Verdict(None, Words(en="open", zh="未定")()),
                        Table(
                            (Words(en="name", zh="名称")(), Words(en="shape", zh="形状")(), L),
                            ((W1, "(3,3)", "70"), (Transpose(x), "(1,3)", "6.5")),
                            Words(en="Parameters", zh="参数")(),
                        ),
                        CodeBlock("a = 1\nb = `2`", "python"),
                    ),
                ),
            ),
        ),
        graph,
        CurveFigure(
            (("loss", (70.0, 50.0, 30.0, float("nan"), 1.0)),),
            Words(en="Loss", zh="损失")(),
            axis=Words(en="step", zh="步数")(),
        ),
    ),
    meta=(("seed", "0"),),
)
