"""Fitted trees of three libraries, read into one form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tree(NamedTuple):
    """One tree; all arrays have the shape (nodes,), the root comes first.

    Attributes:
        left: Where a row goes that keeps the rule; negative at a leaf.
        right: Where the others go.
        feature: Column that a node looks at.
        threshold: What it compares with, float32.
        missing_left: Whether rows go left that miss the column.
        value: Minutes that a leaf adds; anything elsewhere.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]


class Forest(NamedTuple):
    """Trees whose leaves are added to `base`; `rule` is ONNX's name of the comparison with a threshold."""

    trees: list[Tree]
    base: float
    rule: str


class Reader(NamedTuple):
    """How the trees of one kind of estimator are read, and why they might not be."""

    read: Callable[[Any], Forest]
    reason_against: Callable[[Any], str | None]


def rounded_down(threshold: Any) -> NDArray[np.float32]:
    """The greatest float32 that is not above each threshold: a float32 is below the one just if below the other."""
    wide = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
        below = np.nextafter(narrow, np.float32(-np.inf))
    return np.where(narrow > wide, below, narrow).astype(np.float32)


def _read_xgboost(estimator: Any) -> Forest:
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    [base] = np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"]))
    trees = [_xgboost_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    return Forest(trees, float(base), "BRANCH_LT")


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    threshold = np.array(tree["split_conditions"], dtype=np.float32)
    return Tree(
        np.array(tree["left_children"]),
        np.array(tree["right_children"]),
        np.array(tree["split_indices"]),
        threshold,
        np.array(tree["default_left"], dtype=bool),
        threshold.astype(np.float64),  # at a leaf, XGBoost keeps its value there
    )


def _read_lightgbm(estimator: Any) -> Forest:
    dumped = estimator.booster_.dump_model()["tree_info"]
    return Forest([_lightgbm_tree(tree["tree_structure"]) for tree in dumped], 0.0, "BRANCH_LEQ")


def _lightgbm_tree(root: dict[str, Any]) -> Tree:
    nodes = list(_in_order(root))
    number = {id(node): index for index, node in enumerate(nodes)}

    def column(of: Callable[[dict[str, Any]], Any], at_a_leaf: Any) -> Any:
        return np.array([of(node) if "left_child" in node else at_a_leaf for node in nodes])

    return Tree(
        column(lambda node: number[id(node["left_child"])], -1),
        column(lambda node: number[id(node["right_child"])], -1),
        column(lambda node: node["split_feature"], 0),
        rounded_down(column(lambda node: node["threshold"], 0.0)),
        column(_lightgbm_missing_left, False),
        np.array([node.get("leaf_value", 0.0) for node in nodes]),
    )


def _in_order(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        if "left_child" in node:
            waiting += [node["right_child"], node["left_child"]]


def _lightgbm_missing_left(node: dict[str, Any]) -> bool:
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return bool(node["threshold"] >= 0)  # a column that had nothing missing: LightGBM takes NaN for zero


def _read_histogram_boosting(estimator: Any) -> Forest:
    trees = [_histogram_tree(predictors[0].nodes) for predictors in estimator._predictors]
    return Forest(trees, float(np.ravel(estimator._baseline_prediction)[0]), "BRANCH_LEQ")


def _histogram_tree(nodes: Any) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        nodes["feature_idx"].astype(np.int64),
        rounded_down(nodes["num_threshold"]),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].astype(np.float64),
    )


def _read_forest(estimator: Any) -> Forest:
    share = 1.0 / len(estimator.estimators_)
    return Forest([_sklearn_tree(tree.tree_, share) for tree in estimator.estimators_], 0.0, "BRANCH_LEQ")


def _sklearn_tree(tree: Any, share: float) -> Tree:
    return Tree(
        tree.children_left,
        tree.children_right,
        np.maximum(tree.feature, 0),
        rounded_down(tree.threshold),
        tree.missing_go_to_left.astype(bool),
        tree.value[:, 0, 0] * share,
    )


def _only(parameter: str, *values: Any) -> Callable[[Any], str | None]:
    """Nothing is said against estimators whose `parameter` has one of the values."""

    def reason_against(estimator: Any) -> str | None:
        value = estimator.get_params().get(parameter)
        known = ", ".join(str(name) for name in values if name is not None)
        return None if value in values else f"with {parameter}={value} it cannot be packaged; use {known}"

    return reason_against


def _first(*reasons: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda estimator: next(filter(None, (reason(estimator) for reason in reasons)), None)


#: By class name. Objectives with another link than the identity would need another graph.
READERS = {
    "XGBRegressor": Reader(
        _read_xgboost,
        _first(
            _only("booster", None, "gbtree"),
            _only(
                "objective",
                None,
                "reg:squarederror",
                "reg:absoluteerror",
                "reg:pseudohubererror",
                "reg:quantileerror",
            ),
        ),
    ),
    "LGBMRegressor": Reader(
        _read_lightgbm,
        _first(
            _only("boosting_type", "gbdt", "dart"),
            _only("objective", None, "regression", "regression_l1", "huber", "fair", "quantile", "mape"),
            *(_only(parameter, None, False) for parameter in ("linear_tree", "reg_sqrt", "zero_as_missing")),
        ),
    ),
    "HistGradientBoostingRegressor": Reader(
        _read_histogram_boosting, _only("loss", "squared_error", "absolute_error", "quantile")
    ),
    "RandomForestRegressor": Reader(_read_forest, lambda _: None),
    "ExtraTreesRegressor": Reader(_read_forest, lambda _: None),
}
