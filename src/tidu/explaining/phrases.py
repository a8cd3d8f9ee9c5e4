"""Every sentence that an explanation says, in both languages."""

from __future__ import annotations

from collections.abc import Sequence

from tidu.words import Phrase, Words
from tidu.words import join as joined

GIVEN = Words(en="Given", zh="已知条件")
NAME = Words(en="name", zh="名称")
SHAPE = Words(en="shape", zh="形状")
VALUE = Words(en="value", zh="值")
ROLE = Words(en="role", zh="角色")
SCALAR = Words(en="scalar", zh="标量")
PARAMETER = Words(en="parameter", zh="参数")
DATA = Words(en="data", zh="数据")

FORWARD = Words(en="Forward pass", zh="前向传播")
BACKWARD = Words(en="Backward pass", zh="反向传播")
SECOND = Words(en="Second derivatives", zh="二阶导数")
OPERATOR = Words(en="{name} is how the gradient changes along V", zh="{name} 是梯度沿 V 方向的变化")
KRONECKER = Words(
    en="as a matrix, for columns stacked in vec V: {tree}",
    zh="写成矩阵（作用于按列拉直的 vec V）：{tree}",
)
UPSTREAM_ROLE = Words(en="upstream gradient", zh="上游梯度")
JACOBIAN = Words(en="The Jacobian", zh="雅可比矩阵")
LAYOUT = Words(
    en="Layout: a row for each entry of the result, a column for each entry of the variable "
    "(∂yᵢ/∂xⱼ stands in row i, column j).",
    zh="布局：结果的每个分量占一行，变量的每个分量占一列（第 i 行第 j 列是 ∂yᵢ/∂xⱼ，分子布局）。",
)
DIFFERENTIAL = Words(
    en="{name} is how the result changes, to first order, when the variable changes by V",
    zh="{name} 是变量改变 V 时结果的一阶变化",
)
LAYER_BACKWARD = Words(
    en="Backward pass (vector–Jacobian product)", zh="反向传播（向量与雅可比矩阵之积）"
)
UPSTREAM = Words(
    en="{upstream} = {gradient} is the upstream gradient: that of whatever loss {loss} follows, in "
    "the shape of {result}. Backpropagation starts from it and goes backwards line by line.",
    zh="{upstream} = {gradient} 是上游梯度，即后面任意一个损失 {loss} 对 {result} 的梯度，"
    "形状与 {result} 相同。反向传播从它出发，逐行往回推。",
)
UPDATE = Words(en="Gradient descent: the update", zh="梯度下降：更新参数")
AGAIN = Words(en="The new loss after the update", zh="更新之后新的损失")
LAYERS = Words(en="The network, layer by layer", zh="网络，逐层来看")
ELEMENT = Words(en="One weight: {name}", zh="单个权重：{name}")
CHECKED = Words(en="Numerical check", zh="梯度检验")
NOTES = Words(en="Notes", zh="需要注意")

SEED = Words(
    en="Backpropagation starts at {loss}, with {seed}, and goes backwards line by line.",
    zh="反向传播从 {loss} 出发，先写下 {seed}，再逐行往回推。",
)
DELTA_IS = Words(
    en="{delta} stands for {gradient}, the gradient of {loss} with respect to {name}; it has the "
    "shape of {name}.",
    zh="{delta} 表示 {gradient}，即 {loss} 对 {name} 的梯度，它与 {name} 形状相同。",
)
DELTA_IS_NUMBER = Words(
    en="{delta} stands for {gradient}, the derivative of {loss} with respect to {name}.",
    zh="{delta} 表示 {gradient}，即 {loss} 对 {name} 的导数。",
)
WRITING_DELTA = Words(
    en="Convention: a gradient has the shape of its variable. Hence, going back through a matrix "
    "product, multiply by the transpose of the other factor, on the side from which it multiplied.",
    zh="约定（分母布局）：梯度与对应的变量形状相同。因此经过矩阵乘积往回推时，"
    "乘以另一个因子的转置，乘在它原来所在的一侧。",
)
WRITING_CHAIN = Words(
    en="Convention: gradients are written as rows; the factors stand in the order of the chain "
    "rule, and the row is "
    "transposed once at the end.",
    zh="约定：写成行向量，各因子按链式法则的次序相乘，最后整体转置一次。",
)
INVENTED = Words(
    en="{names}: named here, since the program gives no name to this part.",
    zh="{names} 是这里取的名字，原来的式子没有给这一部分命名。",
)
NO_WRT = Words(
    en="no gradient is derived, since the study does not say with respect to what; write those "
    "of these names that are parameters: {line}",
    zh="题目文件没有说明对什么求导，所以没有求梯度；请在这些名称中留下参数，写上：{line}",
)
HELD = Words(
    en="{factor} holds fixed what its index names; what goes through that is a term of its own.",
    zh="{factor}：下标中的量视为常数；经过它们的路径另计一项。",
)
ASCENT_DIRECTION = Words(
    en="for a complex parameter the conjugate: the loss rises most along ∇, and falls along −∇",
    zh="复数参数取共轭：损失沿 ∇ 上升最快，沿 −∇ 下降",
)
FLAT = Words(
    en="The loss depends on {name} only through {ends}, which changes in jumps, if at all: the "
    "derivative is zero almost everywhere, and does not exist at a jump.",
    zh="损失只通过 {ends} 依赖于 {name}，而后者至多发生跳变：导数几乎处处为零，在跳变处不存在。",
)
UNUSED = Words(
    en="The loss does not use {name}; its gradient is zero.",
    zh="损失没有用到 {name}，它的梯度为零。",
)
VIA = Words(en="through {via}", zh="经过 {via} 的一路")
AS_RUN_ONE = Words(en="{run} for {written} ({rule})", zh="{written} 改为 {run}（{rule}）")
AS_RUN_ALL = Words(
    en="As run: {each}. Each is equal to what is written, and keeps value and derivative finite "
    "where that does not.",
    zh="实际运行的写法：{each}。它们与原来的写法相等，但在前者会溢出或失去意义的地方，"
    "值和导数仍是有限的。",
)
AS_RUN = Words(
    en="As written: {written}. As run: {run} ({rule}); the two are equal, and the second keeps "
    "value and derivative finite where the first does not.",
    zh="原来的写法：{written}。实际运行的写法：{run}（{rule}）。两者相等，"
    "但在前者会溢出或失去意义的地方，后者的值和导数仍是有限的。",
)
WITHOUT_SMALL = Words(
    en="without the {small} in the logarithm: {left} = {formula}",
    zh="若不计对数中的 {small}：{left} = {formula}",
)
CASE_HOLDS = Words(
    en="here {condition}, so the value is {value}", zh="这里 {condition}，所以取 {value}"
)
CASES_HOLD = Words(en="here, of {total} elements, {counts}", zh="这里 {total} 个元素中，{counts}")
CASE_COUNTS = Words(en="{count} have the value {value}", zh="{count} 个取 {value}")
CASE_COUNTS_ONE = Words(en="one has the value {value}", zh="1 个取 {value}")
ONE_ELEMENT = Words(en="one element", zh="共 1 个元素")
ELEMENTS = Words(en="{count} elements", zh="共 {count} 个元素")
KINK = Words(
    en="{where} lies on a kink of {op} (at {at}, {count}): no single derivative exists "
    "there. Subdifferential {interval}; the value used is {value}.",
    zh="{where} 落在 {op} 的折点上（折点：{at}；{count}），该处没有唯一的导数。"
    "次微分为 {interval}，这里取 {value}。",
)
KINK_PLAIN = Words(
    en="{where} lies on a kink of {op} (at {at}, {count}); the value used is {value}.",
    zh="{where} 落在 {op} 的折点上（折点：{at}；{count}）；这里取 {value}。",
)
TIE = Words(
    en="{step} counts as ½ where {a} = {b}: each of two that are equal gets half of the gradient.",
    zh="在 {a} = {b} 处，{step} 取 ½：两者相等时各得一半梯度。",
)
NO_TIE = Words(
    en="{step} counts as ½ where {a} = {b}: each of two that are equal gets half of the gradient. "
    "None are equal at the given values.",
    zh="在 {a} = {b} 处，{step} 取 ½：两者相等时各得一半梯度。所给的值中没有相等的元素。",
)
TRUNCATED = Words(
    en="Large arrays are shown in part; dots stand for what is left out.",
    zh="较大的数组只显示一部分，省略号表示没有列出的元素。",
)
BROADCAST = Words(
    en="{name} of shape {source} is broadcast to {shape}",
    zh="{name} 的形状由 {source} 广播为 {shape}",
)
OF_COLUMNS = Words(
    en="{function} is taken along axis 1, down each column: one value for each column",
    zh="{function} 沿第 1 轴计算，即逐列计算：每列得一个值",
)
OF_ROWS = Words(
    en="{function} is taken along axis 2, across each row: one value for each row",
    zh="{function} 沿第 2 轴计算，即逐行计算：每行得一个值",
)
ALONG_AXES = Words(
    en="{function} is taken along axis {axes}, counted from 1",
    zh="{function} 沿第 {axes} 轴计算（轴从 1 数起）",
)
PROMOTED = Words(
    en="{names}: integers, calculated with as decimal numbers (float64)",
    zh="{names}：整数，按小数（float64）计算",
)
GUARD = Words(
    en="The branch `{condition}` was taken as {taken}; the derivation holds as long as it is.",
    zh="分支 `{condition}` 取值为 {taken}；只要它不变，推导就成立。",
)
LOSS_BEFORE = Words(en="The loss falls from {old} to {new}.", zh="损失从 {old} 降到 {new}。")
LOSS_ROSE = Words(
    en="The loss rises from {old} to {new}: the step is too long; try a smaller learning rate.",
    zh="损失从 {old} 升到 {new}：步子太大，请减小学习率。",
)
LOSS_SAME = Words(en="The loss stays at {old}.", zh="损失保持 {old} 不变。")
LEARNING_RATE = Words(en="Learning rate {alpha} = {value}.", zh="学习率 {alpha} = {value}。")

PATHS = Words(
    en="{count} paths lead from {element} to {loss}. Multiply the local derivatives along each "
    "path and add the products: that is the gradient.",
    zh="从 {element} 到 {loss} 共有 {count} 条路径。"
    "沿每条路径把局部导数相乘，再把各条路径的结果相加，就得到梯度。",
)
ONE_PATH = Words(
    en="A single path leads from {element} to {loss}. The product of the local derivatives along "
    "it is the gradient.",
    zh="从 {element} 到 {loss} 只有一条路径。沿这条路径把局部导数相乘，就得到梯度。",
)
PATH = Words(en="path {number}: {nodes}", zh="路径 {number}：{nodes}")
MORE_PATHS = Words(en="… and more, not listed: {count}.", zh="……另有 {count} 条路径未列出。")
COST = Words(
    en="Path by path this takes {naive} multiplications for this one element; backpropagation "
    "needs {shared} for all gradients together, since each δ is calculated once and used again.",
    zh="逐条路径计算，单这一个元素就要 {naive} 次乘法；"
    "反向传播每个 δ 只算一次、重复使用，全部梯度一共只要 {shared} 次。",
)
LAYER = Words(en="line", zh="行")
FORMULA = Words(en="formula", zh="公式")
SHAPES = Words(en="shapes", zh="形状")
GRADIENTS = Words(en="gradients", zh="梯度")
LOCAL = Words(en="On the edges: local derivatives.", zh="边上是局部导数。")

AGREES = Words(
    en="{gradient}: agrees with {method}, largest relative error {error}",
    zh="{gradient}：与{method}一致，最大相对误差 {error}",
)
DIFFERS = Words(
    en="{gradient}: differs from {method}: calculated {stated}, expected {expected}",
    zh="{gradient}：与{method}不一致：算得 {stated}，应为 {expected}",
)
AT_KINK = Words(
    en="{gradient}: the data lie on a kink; one-sided slopes {left} and {right}, value used {used}",
    zh="{gradient}：该点恰在折点（不可导点）处；左、右导数为 {left} 与 {right}，所取的值为 {used}",
)
AT_EDGE = Words(
    en="{gradient}: the data lie at the edge of where the loss is defined; the one-sided slope is "
    "{slope}, value used {used}",
    zh="{gradient}：数据落在定义域的边界上；单侧导数为 {slope}，所取的值为 {used}",
)
NOT_DECIDED = Words(
    en="{gradient}: could not be checked numerically", zh="{gradient}：无法做梯度检验"
)
METHODS = {
    "complex step": Words(en="the complex-step derivative", zh="复步长数值导数"),
    "central differences": Words(en="central differences", zh="中心差分"),
    "one-sided differences": Words(en="one-sided differences", zh="单侧差分"),
    "given values": Words(en="the given values", zh="所给数值"),
    "random values": Words(en="random values", zh="随机数值"),
    "derivation": Words(en="tidu's own derivation", zh="tidu 自己的推导"),
    "no dependence": Words(
        en="the fact that the loss does not depend on it", zh="“损失与它无关”这一事实"
    ),
}
OF_GRADIENT = Words(en="{method} of the gradient", zh="梯度的{method}")
AT_SIZES = Words(en="Checked at {sizes} with random values.", zh="取 {sizes} 和随机数值作检验。")
AT_RANDOM = Words(en="Checked with random values.", zh="取随机数值作检验。")
SIZE = Words(en="{name} = {size}", zh="{name} = {size}")
EXAMPLES = Words(
    en="{names}: a smooth example stands for it there.", zh="其中 {names} 取一个光滑的例子。"
)
NO_POINT = Words(
    en="Not checked by numbers: no random values were found, or the arrays are too large.",
    zh="没有用数值检验：没有找到合适的随机数值，或数组太大。",
)
TITLE = Words(en="Derivation", zh="推导")
FIGURE = Words(en="Computation graph", zh="计算图")
CLOSED = Words(en="All gradients", zh="全部梯度")
NEED_SIZES = Words(
    en="the element zoom needs sizes that are numbers, not letters",
    zh="按元素展示需要具体的大小，不能用字母",
)
SIZES_CHOSEN = Words(
    en="elements are listed for {sizes}; the formulas hold for every size",
    zh="按 {sizes} 列出各元素；公式对任意大小成立",
)
ELEMENT_SUM = Words(en="the sum over all paths", zh="各条路径之和")

SETTING = Words(en="{symbol} = {value}: {name}.", zh="{symbol} = {value}：{name}。")
RULE = Words(en="The update rule is {name} ({source}).", zh="更新规则：{name}（{source}）。")
CLIP = Words(en="The limit: {name}.", zh="梯度裁剪：{name}。")
SCHEDULE = Words(en="The schedule: {name}.", zh="学习率计划：{name}。")
COUNTED = Words(
    en="{t} counts the steps done; it is 0 before the first update.",
    zh="{t} 是已完成的步数，第一次更新之前为 0。",
)
MANY_STEPS = Words(en="Gradient descent", zh="梯度下降")
STEP = Words(en="step", zh="步")
AFTER_LAST = Words(en="after the last update", zh="最后一次更新之后")
DESCENT = Words(
    en="{rule}, {count} steps; each row shows the loss before the update of its step.",
    zh="{rule}，共 {count} 步；每一行是这一步更新之前的损失。",
)
BEST = Words(
    en="Of the losses before an update, that of step {step} is the lowest: {loss} = {value}"
    "{output}. After the last update, {loss} = {final}.",
    zh="更新之前的损失以第 {step} 步为最低：{loss} = {value}{output}。"
    "最后一次更新之后，{loss} = {final}。",
)
BEST_PLAIN = Words(
    en="Of the losses before an update, that of step {step} is the lowest: {loss} = {value}. "
    "After the last update, {loss} = {final}.",
    zh="更新之前的损失以第 {step} 步为最低：{loss} = {value}。最后一次更新之后，{loss} = {final}。",
)
BEST_OUTPUT = Words(en=", {name} = {value}", zh="，{name} = {value}")
CURVE = Words(en="{loss} by step", zh="{loss} 随步数的变化")

NUMERIC = Words(en="The numerical derivative", zh="数值导数")
NUMERIC_RULE = Words(
    en="the central difference with {h}, beside the derived value {exact}",
    zh="取 {h} 的中心差分，与推导所得的 {exact} 对照",
)
WILL_GROW = Words(
    en="{gradient} < 0, so {name} ← {name} − α·{gradient} makes {name} larger.",
    zh="{gradient} < 0，所以按 {name} ← {name} − α·{gradient} 更新，{name} 将增大。",
)
WILL_SHRINK = Words(
    en="{gradient} > 0, so {name} ← {name} − α·{gradient} makes {name} smaller.",
    zh="{gradient} > 0，所以按 {name} ← {name} − α·{gradient} 更新，{name} 将减小。",
)
REACHED = Words(en="The parameters after the last update:", zh="最后一次更新之后的参数：")
NORM = Words(en="‖{name}‖ = {norm} (norm)", zh="‖{name}‖ = {norm}（范数）")
RECURSION = Words(en="The recursion, element by element", zh="逐元素的递推式")
RECURSION_CHECK = Words(
    en="Each line is the matrix line above, written for one element: at sample values every "
    "element that these lines give is that of the matrix.",
    zh="每一行都是上面矩阵式的一个元素：代入样例数值，用这些式子算出的每个元素都与矩阵中的一致。",
)

CLAIMS = Words(en="Claims, checked", zh="核对原文的结论")
CLAIM_FORMULA = Words(en="{name} = {formula}", zh="{name} = {formula}")
CLAIM_VALUE = Words(
    en="{name}: stated {stated}, calculated {actual}", zh="{name}：你写的是 {stated}，算得 {actual}"
)
CLAIM_SOURCE = Words(  # with the words of the source behind it
    en="{name}: stated {stated}, calculated {actual}", zh="{name}：原文 {stated}，算得 {actual}"
)
CLAIM_CITED = Words(en="{claim}   (“{cites}”)", zh="{claim}　（原文：{cites}）")
CLAIM_HERE = Words(
    en="{claim}: true for these numbers by coincidence, but not in general",
    zh="{claim}：只在所给数值下碰巧成立，换成随机数值就不成立",
)
CLAIM_FALSE = Words(en="{claim}: false", zh="{claim}：不成立")
CLAIM_REFUSED = Words(en="{claim}: cannot be calculated", zh="{claim}：无法计算")
CLAIM_FIX = Words(en="write instead: {fix}", zh="改成：{fix}")
CLAIM_AT = Words(en="line {line} of the study: {what}", zh="题目文件第 {line} 行：{what}")
CLAIM_RANDOM = Words(
    en="The study gives no values here: the statements are checked at random ones.",
    zh="这里没有给出数值，各条结论都在随机数值下核对。",
)
CLAIM_WOULD = Words(
    en="one step with the gradient stated here would leave the loss at {stated}; the right one "
    "takes it to {right}",
    zh="若按这里写的梯度走一步，损失变为 {stated}；按正确的梯度则为 {right}",
)
SUMMARY = Words(en="{right} of {total} statements hold.", zh="共 {total} 条，其中 {right} 条成立。")
SHORT_FORM = Words(en="In short, as it runs", zh="简式（实际运行的形式）")
CLOSED_FORM = Words(en="In terms of the inputs", zh="代回自变量")
BEST_STEP = Words(en="step with the lowest loss", zh="损失最低的一步")
AT_STEP = Words(en="{name} at step {step}", zh="第 {step} 步的 {name}")
AT_BEST = Words(en="{name} at the step with the lowest loss", zh="损失最低时的 {name}")
AT_END = Words(en="{name} after the last update", zh="最后一次更新后的 {name}")

CASES = Words(en="{whole}; {here}", zh="{whole}；{here}")
CASE_ALL = Words(
    en="here every element falls into the case with value {value}", zh="这里每个元素都取 {value}"
)
AND = Words(en="{first}, {second}", zh="{first}，{second}")
AND_RULE = Words(en="{first}, {second}", zh="{first}；{second}")
INTERVAL = Words(en="[{low}, {high}]", zh="[{low}, {high}]")
FORMULA_ALONE = Words(en="{tree}", zh="{tree}")


def elements(count: int) -> Phrase:
    """Return a number of elements in words."""
    return ONE_ELEMENT() if count == 1 else ELEMENTS(count=count)


def join(items: Sequence[Phrase], words: Words = AND) -> Phrase:
    """Return phrases joined one after the other."""
    return joined(items, words)


# ------------------------------------------------------------------ calls and scans
BODY = Words(en="Inside {name}", zh="{name} 的内部")
BODY_CALL = Words(en="{call}, line by line:", zh="{call}，逐行如下：")
BODY_SCAN = Words(
    en="{call} is repeated for t = {first}, …, {last}; names without (t) are the same in all "
    "steps.",
    zh="对 t = {first}, …, {last} 重复 {call}；不带 (t) 的名字在每一步都相同。",
)
BODY_BACK = Words(
    en="δ flows back from step to step; each sum collects a gradient over the steps and starts "
    "at 0.",
    zh="δ 逐步往回传；每个 sum 把各步的梯度累加起来，从 0 开始。",
)
CONSTANT_FACTOR = Words(en="constant multiple rule", zh="常数因子可提到导数外")
PATHS_ADD = Words(en="what comes back on all paths is added", zh="各条路径传回的梯度相加")
RULE_HERE = Words(en="{rule} ({here})", zh="{rule}（{here}）")
RULES_USED = Words(en="The rules used", zh="用到的法则")
RULE_IN_FULL = Words(en="{name}: {formula}", zh="{name}：{formula}")
RULE_WHY = Words(en="{rule}. {why}", zh="{rule}。{why}")
CHAIN_TOO_LONG = Words(
    en="The row chains of this program are too long for a line; δ's are written in their place.",
    zh="这个程序的链式太长，一行写不下，这里改用 δ 的写法。",
)


def role_of(parameter: bool, upstream: bool) -> Phrase:
    """Return what an input is to a derivation."""
    if upstream:
        return UPSTREAM_ROLE()
    return PARAMETER() if parameter else DATA()
