"""Fitted estimators as ONNX graphs.

Written here, and not left to a converter, because the converters at hand answer up to 36 minutes wrong where a random
forest meets a missing distance, and refuse scikit-learn's histogram boosting; see docs/decisions/006.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ride_duration.errors import RideDurationError
from ride_duration.pipelines.model_release.trees import READERS, Forest

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

    from ride_duration.pipelines.data_science.duration_model import DurationModel
    from ride_duration.pipelines.data_science.model_choice import FeatureSet

#: Trees in one node: few enough for their branches to stay in a core's cache while many rows pass.
_TREES_A_NODE = 32

_OPSETS = {"": 18, "ai.onnx.ml": 3}
_IR_VERSION = 9
_ANSWER = "minutes"


def reason_against(estimator: Any, columns: FeatureSet) -> str | None:
    """Why an estimator, fitted or not, cannot become a graph that reads these columns; None if it can."""
    name = type(estimator).__name__
    if name in READERS:
        if columns.categorical or columns.encode:
            return f"a {name} becomes a graph of numbers alone; use a feature set without `categorical` and `encode`"
        return READERS[name].reason_against(estimator)
    if name in ("LinearRegression", "Lasso", "Ridge", "ElasticNet", "DummyRegressor", "ZonePairMedian"):
        return None
    known = ", ".join(sorted([*READERS, "LinearRegression", "Lasso", "Ridge", "ElasticNet"]))
    return f"a {name} cannot be written as an ONNX graph; those that can are {known}"


def onnx_graph(model: DurationModel) -> bytes:
    """The graph of a fitted model.

    Its inputs are `numbers` (n, numeric columns; NaN where missing) if the model reads any, and one text column (n, 1)
    for each that it reads, by name. Its output is `minutes` (n, 1). Numbers are float64 where columns are encoded, as
    for linear models, which answer an absurd distance with half a million minutes; else float32.

    Raises:
        RideDurationError: Its estimator cannot be written as a graph.
    """
    import onnx

    proto = _model(model)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def _model(model: DurationModel) -> ModelProto:
    from onnx import TensorProto, helper

    columns = model.feature_set
    inputs = [helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1]) for name in columns.categorical]
    if columns.numeric:
        shape = [None, len(columns.numeric)]
        inputs.append(helper.make_tensor_value_info("numbers", _kind(model), shape))
    answer = helper.make_tensor_value_info(_ANSWER, _kind(model), [None, 1])
    nodes, constants = _nodes(model)
    graph: GraphProto = helper.make_graph(nodes, model.name, inputs, [answer], constants)
    opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="ride_duration")


def _kind(model: DurationModel) -> Any:
    from onnx import TensorProto

    return TensorProto.DOUBLE if model.feature_set.encode else TensorProto.FLOAT


def _constant(values: Any, name: str, model: DurationModel) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray(values, np.float64 if model.feature_set.encode else np.float32), name)


def _nodes(model: DurationModel) -> tuple[list[NodeProto], list[Any]]:
    final = model.estimator.steps[-1][1] if model.feature_set.encode else model.estimator
    name = type(final).__name__
    if reason := reason_against(final, model.feature_set):
        raise RideDurationError(f"the {model.name} model cannot be released: {reason}")
    if name in READERS:
        return _tree_nodes(READERS[name].read(final)), []
    if name == "DummyRegressor":
        return _constant_nodes(float(np.ravel(final.constant_)[0]), model)
    if name == "ZonePairMedian":
        medians = final.medians_
        [read] = model.feature_set.categorical
        return [_look_up(read, list(medians.index), medians.to_numpy(), final.median_, _ANSWER)], []
    return _linear_nodes(model, final)


def _tree_nodes(forest: Forest) -> list[NodeProto]:
    from onnx import helper

    starts = range(0, len(forest.trees), _TREES_A_NODE)
    parts = [f"part_{start}" for start in starts]
    nodes = [
        _tree_node(forest, start, part, forest.base if start == 0 else 0.0)
        for start, part in zip(starts, parts, strict=True)
    ]
    return [*nodes, helper.make_node("Sum", parts, [_ANSWER])]


def _tree_node(forest: Forest, start: int, output: str, base: float) -> NodeProto:
    from onnx import helper

    trees = forest.trees[start : start + _TREES_A_NODE]
    sizes = [len(tree.left) for tree in trees]
    leaf = np.concatenate([tree.left < 0 for tree in trees])
    tree_ids = np.repeat(np.arange(len(trees)), sizes)
    node_ids = np.concatenate([np.arange(size) for size in sizes])

    def inner(values: list[Any]) -> list[Any]:
        return list(np.where(leaf, 0, np.concatenate(values)).tolist())

    return helper.make_node(
        "TreeEnsembleRegressor",
        ["numbers"],
        [output],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[base],
        nodes_treeids=tree_ids.tolist(),
        nodes_nodeids=node_ids.tolist(),
        nodes_modes=np.where(leaf, "LEAF", forest.rule).tolist(),
        nodes_featureids=inner([tree.feature for tree in trees]),
        nodes_values=inner([tree.threshold for tree in trees]),
        nodes_truenodeids=inner([tree.left for tree in trees]),
        nodes_falsenodeids=inner([tree.right for tree in trees]),
        nodes_missing_value_tracks_true=inner([tree.missing_left.astype(int) for tree in trees]),
        target_treeids=tree_ids[leaf].tolist(),
        target_nodeids=node_ids[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights=np.concatenate([tree.value for tree in trees])[leaf].tolist(),
    )


def _linear_nodes(model: DurationModel, estimator: Any) -> tuple[list[NodeProto], list[Any]]:
    from onnx import helper

    weights = np.ravel(estimator.coef_)
    nodes, terms = [], []
    if model.feature_set.encode and model.feature_set.categorical:
        categories = model.estimator.steps[0][1].transformers_[0][1].categories_
        for column, values in zip(model.feature_set.categorical, categories, strict=True):
            own, weights = weights[: len(values)], weights[len(values) :]
            nodes.append(_look_up(column, list(values), own, 0.0, f"{column}_weight"))
            nodes.append(helper.make_node("Cast", [f"{column}_weight"], [f"{column}_term"], to=_kind(model)))
            terms.append(f"{column}_term")
    constants = [
        _constant([0.0], "zero", model),
        _constant(weights.reshape(-1, 1), "weights", model),
        _constant([estimator.intercept_], "intercept", model),
    ]
    nodes += [
        helper.make_node("IsNaN", ["numbers"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "numbers"], ["imputed"]),
        helper.make_node("MatMul", ["imputed", "weights"], ["numbers_term"]),
        helper.make_node("Sum", [*terms, "numbers_term", "intercept"], [_ANSWER]),
    ]
    return nodes, constants


def _look_up(column: str, keys: list[str], values: Any, otherwise: float, output: str) -> NodeProto:
    from onnx import helper

    return helper.make_node(
        "LabelEncoder",
        [column],
        [output],
        domain="ai.onnx.ml",
        keys_strings=[str(key) for key in keys],
        values_floats=[float(value) for value in values],
        default_float=float(otherwise),
    )


def _constant_nodes(value: float, model: DurationModel) -> tuple[list[NodeProto], list[Any]]:
    from onnx import helper, numpy_helper

    read = "numbers" if model.feature_set.numeric else model.feature_set.categorical[0]
    nodes = [
        helper.make_node("Shape", [read], ["rows"], start=0, end=1),
        helper.make_node("Concat", ["rows", "one"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], [_ANSWER], value=_constant([value], "value", model)),
    ]
    return nodes, [numpy_helper.from_array(np.array([1], dtype=np.int64), "one")]
