"""Functions that are called in place of operations do the same."""

import pytest
import torch

from framestyle.tape.calls import FUNCTIONS, called_as

ATEN = torch.ops.aten


def draw(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) + 0.5


def square():
    return draw(6, 6)


CASES = [
    (ATEN.add.Tensor, (square(), draw(6)), {"alpha": 0.5}),
    (ATEN.add.out, (square(), 2.0), {"out": torch.empty(6, 6)}),
    (ATEN.sub.Tensor, (square(), draw(6)), {"alpha": 3}),
    (ATEN.mul.Tensor, (square(), 2), {}),
    (ATEN.mul.Scalar, (square().bfloat16(), 0.3), {}),
    (ATEN.mul.Tensor, (square().bfloat16(), draw(6)), {}),
    (ATEN.div.Tensor, (square(), 65536), {}),
    (ATEN.div.Tensor_mode, (square(), 0.3), {"rounding_mode": "floor"}),
    (ATEN.pow.Tensor_Scalar, (square(), 2), {}),
    (ATEN.pow.Scalar, (2.0, square()), {}),
    (ATEN.sqrt.default, (square(),), {}),
    (ATEN.neg.default, (square(),), {}),
    (ATEN.lerp.Scalar, (square(), draw(6, 6), 0.3), {}),
    (ATEN.lerp.Scalar_out, (square(), draw(6, 6), 0.3), {"out": torch.empty(6, 6)}),
    (ATEN.sum.default, (square().bfloat16(),), {"dtype": torch.float32}),
    (ATEN.sum.dim_IntList, (square().bfloat16(), [0], True), {"dtype": torch.float32}),
    (ATEN.dot.default, (draw(6), draw(6)), {}),
    (ATEN.mm.default, (square(), square().T), {}),
    (ATEN.bmm.default, (draw(2, 3, 4), draw(2, 4, 3)), {}),
    (ATEN.stack.default, ([draw(6), draw(6)], 1), {}),
    (ATEN.linalg_vector_norm.default, (draw(1, 2, 3, 4), 2, [2, 3]), {"dtype": torch.float32}),
    (ATEN.linalg_vector_norm.default, (square().bfloat16(),), {"dtype": torch.float32}),
    (ATEN.view.dtype, (square().bfloat16(), torch.int16), {}),
    (ATEN.add_.Tensor, (square(), draw(6)), {"alpha": 0.5}),
    (ATEN.sub_.Tensor, (square(), 0.25), {}),
    (ATEN.mul_.Tensor, (square(), draw(6, 1)), {}),
    (ATEN.div_.Tensor, (square(), 3), {}),
    (ATEN.lerp_.Scalar, (square(), draw(6, 6), 0.3), {}),
    (ATEN.clamp_.default, (square(), None, 0.9), {}),
    (ATEN.addcmul_.default, (square(), draw(6, 6), draw(6)), {"value": -1.0}),
    (ATEN.addmm_.default, (square(), draw(6, 6), square().T), {"beta": 0.5, "alpha": 2.0}),
    (ATEN.copy_.default, (square().bfloat16(), draw(6), True), {}),
    (ATEN.zero_.default, (square(),), {}),
]


def copied(value):
    if isinstance(value, list):
        return [copied(one) for one in value]
    return value.clone() if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(
    ("operation", "args", "how"), CASES, ids=[str(operation) for operation, *_ in CASES]
)
def test_a_function_does_what_the_operation_does(operation, args, how):
    results = []
    for function in (operation, called_as(operation)):
        given = [copied(one) for one in args]
        named = {name: copied(one) for name, one in how.items()}
        results.append([function(*given, **named), *given, *named.values()])
    for one, other in zip(*results, strict=True):
        if isinstance(one, torch.Tensor):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


def test_all_functions_are_compared():
    names = {name for case in CASES for name in (case[0].name(), case[0]._schema.name)}
    assert set(FUNCTIONS) <= names


def test_an_operation_without_a_function_is_called_as_it_is():
    x = torch.ones(2, 3)
    assert torch.equal(called_as(ATEN.t.default)(x), x.T)
    assert called_as(ATEN.view.default) not in FUNCTIONS.values()
