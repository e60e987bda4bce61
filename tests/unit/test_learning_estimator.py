# SPDX-License-Identifier: Apache-2.0
"""Models compiled from scikit-learn say what scikit-learn says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ainkad.core import SYSTEM, Model, model_paths
from ainkad.errors import AinkaError
from ainkad.layouts_gen import MODEL_HDR_DTYPE, MODEL_MEAN, MODEL_VOTE, MODEL_WEIGH
from ainkad.learning.blob import integer_threshold
from ainkad.learning.compile_estimator import WEIGHT, compile_estimator
from ainkad.signals_gen import N_SIGNALS, SYSTEM_SIGNALS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

FEATURES = [s.name for s in SYSTEM_SIGNALS[2:7]]


def data(seed: int, rows: int = 600, highest: int = 1000) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of features, and a number that depends on them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-highest // 4, highest, (rows, len(FEATURES)))
    y = x[:, 0] // 3 - 2 * x[:, 1] + (x[:, 2] > 100) * 500 + rng.integers(0, 300, rows)
    return x, y


def answers(estimator: Any, x: NDArray[Any]) -> NDArray[np.int64]:
    """What the compiled estimator says about rows of features."""
    model = Model(compile_estimator(estimator, FEATURES), SYSTEM)
    values = np.zeros((len(x), N_SIGNALS), dtype=np.int64)
    values[:, 2:7] = x
    result, known, _ = model_paths(model, values, np.ones(values.shape, dtype=bool))
    assert known.all()
    return result


def kind(estimator: Any) -> int:
    blob = compile_estimator(estimator, FEATURES)
    return int(np.frombuffer(blob, MODEL_HDR_DTYPE, 1)[0]["kind"])


def nearest(values: NDArray[Any]) -> NDArray[Any]:
    return np.copysign(np.floor(np.abs(values) + 0.5), values)


@pytest.mark.parametrize("highest", [40, 1000, 2**26, 2**50])
def test_trees(highest: int) -> None:
    x, y = data(1, highest=highest)
    fresh = np.vstack([data(2, highest=highest)[0], x])
    regressor = DecisionTreeRegressor(max_depth=8).fit(x, y)
    assert (answers(regressor, fresh) == nearest(regressor.predict(fresh))).all()
    classes = np.array([-20, 0, 7, 19])[np.digitize(y, np.quantile(y, [0.25, 0.5, 0.75]))]
    classifier = DecisionTreeClassifier(max_depth=6).fit(x, classes)
    assert (answers(classifier, fresh) == classifier.predict(fresh)).all()
    assert kind(classifier) == kind(regressor) == MODEL_MEAN


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("forest", [RandomForestRegressor, ExtraTreesRegressor])
def test_forests_of_regressors(forest: Any, seed: int) -> None:
    x, y = data(seed)
    fitted = forest(20, max_depth=6, random_state=seed).fit(x, y)
    fresh = data(seed + 10)[0]
    wanted = fitted.predict(fresh)
    # where the mean is a half, sixteen bits may fall on the other side
    clear = np.abs(np.abs(wanted) % 1 - 0.5) > 2**-15
    assert (answers(fitted, fresh)[clear] == nearest(wanted)[clear]).all()
    assert clear.mean() > 0.95


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("forest", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_of_classifiers(forest: Any, seed: int) -> None:
    x, y = data(seed, rows=200)
    classes = np.array([-20, 0, 7])[np.digitize(y, np.quantile(y, [0.3, 0.7]))]
    fresh = data(seed + 10)[0]
    if forest is RandomForestClassifier:
        grown = forest(16, random_state=seed, max_depth=16).fit(x, classes)
        assert kind(grown) == MODEL_VOTE
        assert (answers(grown, fresh) == grown.predict(fresh)).all()
    cut = forest(16, random_state=seed, max_depth=4).fit(x, classes)
    assert kind(cut) == MODEL_WEIGH
    shares = np.sort(cut.predict_proba(fresh), axis=1)
    clear = shares[:, -1] - shares[:, -2] > 2 / WEIGHT
    assert (answers(cut, fresh)[clear] == cut.predict(fresh)[clear]).all()
    assert clear.mean() > 0.95


def test_linear_models() -> None:
    x, y = data(5)
    fresh = data(6)[0]
    for estimator in (LinearRegression(), Ridge(), make_pipeline(StandardScaler(), Ridge())):
        fitted = estimator.fit(x, y)
        wanted = fitted.predict(fresh)
        clear = np.abs(np.abs(wanted) % 1 - 0.5) > 1e-3
        assert (answers(fitted, fresh)[clear] == nearest(wanted)[clear]).all()
        assert clear.mean() > 0.9
    labels = (y > np.median(y)).astype(int)
    for classifier in (
        LogisticRegression(max_iter=3000),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ):
        fitted = classifier.fit(x, labels)
        clear = np.abs(fitted.decision_function(fresh)) > 1e-3
        assert (answers(fitted, fresh)[clear] == fitted.predict(fresh)[clear]).all()
        assert clear.mean() > 0.95


def test_what_cannot_be_compiled_is_refused() -> None:
    x, y = data(7)
    labels = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    cases = [
        (KNeighborsClassifier().fit(x, labels), "KNeighborsClassifier cannot be compiled"),
        (GradientBoostingRegressor(n_estimators=3).fit(x, y), "does not take the mean"),
        (RandomForestRegressor(33, max_depth=2).fit(x, y), "33 trees"),
        (RandomForestRegressor(30).fit(x, y), "nodes"),
        (DecisionTreeRegressor(max_depth=2).fit(x, np.c_[y, y]), "2 outputs"),
        (LogisticRegression(max_iter=3000).fit(x, labels), "several outputs"),
        (LogisticRegression(max_iter=3000).fit(x, 2 * (labels > 0)), "several outputs"),
        (DecisionTreeClassifier().fit(x, np.array(["a", "b", "c"])[labels]), "whole numbers"),
        (make_pipeline(StandardScaler(), DecisionTreeRegressor(max_depth=2)).fit(x, y), "a scaler"),
        (make_pipeline(StandardScaler(), MinMaxScaler(), Ridge()).fit(x, y), "a pipeline"),
    ]
    for estimator, message in cases:
        with pytest.raises(AinkaError, match=message):
            compile_estimator(estimator, FEATURES)
    with pytest.raises(AinkaError, match="no.such is not a signal"):
        compile_estimator(DecisionTreeRegressor(max_depth=2).fit(x[:, :1], y), ["no.such"])


thresholds = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(-1e18, 1e18),
    st.integers(-(2**40), 2**40).map(lambda n: n + 0.5),
    st.integers(-(2**60), 2**60).map(float),
)


@given(
    thresholds, st.lists(st.integers(-(2**7), 2**7), min_size=1, max_size=20), st.integers(0, 40)
)
def test_an_integer_threshold_means_what_the_float_means(
    threshold: float, near: list[int], scale: int
) -> None:
    limit = integer_threshold(threshold)
    around = [int(threshold), limit, limit + 1, limit - 1]
    wanted = [v + n * 2**scale for v in around for n in [0, *near]]
    values = np.array([v for v in wanted if abs(v) < 2**62], dtype=np.int64)
    as_sklearn = values.astype(np.float32).astype(np.float64) <= threshold
    assert ((values <= limit) == as_sklearn).all()
