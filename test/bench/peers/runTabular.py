"""Trains what people use for tables on the rows of one problem and reports its mean error on the test rows.

usage: runTabular.py TASK.json ANSWER.json
       runTabular.py              prints the models that this interpreter has

TASK: {"X": n rows, "y": n targets or class ids, "classes": number (0: regression), "train": rows, "test": rows, "seed": number}
ANSWER: {"mlp": error, "boosting": error}: mean log loss, or mean squared error in the units of y

mlp: scikit-learn's perceptron of 100 neurons, its penalty by five-fold cross-validation; targets of regressions are standardised.
boosting: its histogram gradient boosting as it comes.
"""

import json
import os
import sys
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402  (after the thread settings)

try:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import log_loss
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier, MLPRegressor
except ImportError:
    sys.exit(0)

penalties = [1e-4, 1e-2, 1e-1, 1.0, 10.0, 100.0]


def main(task_path, answer_path):
    with open(task_path, encoding="utf-8") as file:
        task = json.load(file)
    X, y = np.array(task["X"]), np.array(task["y"])
    train, test, seed = task["train"], task["test"], task["seed"]
    few = len(train) < 1000
    if task["classes"] > 0:
        net = MLPClassifier(solver="lbfgs" if few else "adam", max_iter=500, random_state=seed)
        tuned = GridSearchCV(net, {"alpha": penalties}, cv=5, scoring="neg_log_loss").fit(X[train], y[train])
        boosted = HistGradientBoostingClassifier(random_state=seed).fit(X[train], y[train])
        labels = np.unique(y[train])
        errors = [log_loss(y[test], model.predict_proba(X[test]), labels=labels) for model in (tuned, boosted)]
    else:
        mean, scale = y[train].mean(), y[train].std() or 1.0
        net = MLPRegressor(solver="lbfgs" if few else "adam", max_iter=500, random_state=seed)
        scaled = (y[train] - mean) / scale
        tuned = GridSearchCV(net, {"alpha": penalties}, cv=5, scoring="neg_mean_squared_error").fit(X[train], scaled)
        boosted = HistGradientBoostingRegressor(random_state=seed).fit(X[train], y[train])
        fits = [tuned.predict(X[test]) * scale + mean, boosted.predict(X[test])]
        errors = [float(np.mean((fit - y[test]) ** 2)) for fit in fits]
    with open(answer_path, "w", encoding="utf-8") as file:
        json.dump({"mlp": float(errors[0]), "boosting": float(errors[1])}, file)


if len(sys.argv) < 3:
    print("mlp boosting")
else:
    warnings.simplefilter("ignore")
    main(sys.argv[1], sys.argv[2])
