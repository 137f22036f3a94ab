"""Runs a peer on one problem and reports the points it reaches and the CPU seconds they took.

usage: runPeer.py TASK.json ANSWER.json
       runPeer.py              prints the peers that this interpreter has

TASK: {"peer": "scnn-gated" | "scnn-relu" | "cvxpy" | "ecos" | "cvxopt", "X": n rows, "y": n rows of c, "gates": P rows of d, "beta": number,
       "seconds": CPU seconds to spend, "dtype": "float32" | "float64", "solver": name of the cvxpy solver}
ANSWER: {"peakBytes": number, "points": [{"cpu": seconds, "label": text, "weights": ...}]}
  scnn-gated: weights is c x P x d, the blocks of the gated program
  scnn-relu:  weights is {"W1": m x d, "W2": c x m}, the network
  cvxpy, ecos, cvxopt: weights is {"v": P x d, "w": P x d}, the blocks of either sign

Objectives are not reported: the caller computes them.
"""

import importlib
import importlib.util
import json
import os
import resource
import sys
import time
from unittest.mock import MagicMock

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402  (after the thread settings)


def load_scnn():
    # It imports cvxpy for solvers that are not run here.
    if importlib.util.find_spec("cvxpy") is None:
        sys.modules["cvxpy"] = MagicMock()
    import scnn.optimize  # noqa: F401


def scnn(task, relu):
    load_scnn()
    import torch
    from scnn.metrics import Metrics
    from scnn.models import ConvexGatedReLU, ConvexReLU
    from scnn.optimize import optimize_model
    from scnn.regularizers import NeuronGL1
    from scnn.solvers import AL, RFISTA

    torch.set_num_threads(1)
    X, y = np.asarray(task["X"]), np.asarray(task["y"])
    gates = np.asarray(task["gates"]).T
    n, c = y.shape
    # Their loss is averaged over rows and outputs and halved.
    penalty = NeuronGL1(task["beta"] / (n * c))

    def run(solver_of):
        model = (ConvexReLU if relu else ConvexGatedReLU)(gates, c=c)
        begin = time.process_time()
        result, _ = optimize_model(
            model,
            solver_of(model),
            Metrics(metric_freq=10**9),
            X,
            y,
            regularizer=penalty,
            return_convex=not relu,
            unitize_data=False,
            dtype=task["dtype"],
        )
        return result, time.process_time() - begin

    def settings():
        if relu:
            updates = 1
            while True:
                yield f"{updates} updates", lambda m: AL(m, max_dual_iters=updates, constraint_tol=1e-9)
                updates *= 2
        else:
            iterations = 16
            while True:
                yield f"{iterations} iterations", lambda m: RFISTA(m, max_iters=iterations, tol=1e-30)
                iterations = int(iterations * 1.5)

    run(lambda m: AL(m, max_primal_iters=2, max_dual_iters=1) if relu else RFISTA(m, max_iters=2))  # loads what is loaded late
    spent = 0.0
    for label, solver_of in settings():
        result, cpu = run(solver_of)
        spent += cpu
        parameters = [np.asarray(p, dtype=float) for p in result.parameters]
        if relu:
            weights = {"W1": parameters[0].tolist(), "W2": parameters[1].tolist()}
        else:
            # It sorts the gates and may drop some: back to the order of the task.
            theirs = np.asarray(result.G, dtype=float).T
            blocks = np.zeros((c, len(task["gates"]), X.shape[1]))
            for k, gate in enumerate(theirs):
                distance = np.linalg.norm(np.asarray(task["gates"]) - gate, axis=1)
                blocks[:, int(np.argmin(distance))] = parameters[0].reshape(c, len(theirs), -1)[:, k]
            weights = blocks.tolist()
        yield {"cpu": cpu, "label": label, "weights": weights}
        # The longest run is about a third of all of them together.
        if spent > 3 * task["seconds"]:
            return


def cvxpy(task):
    import cvxpy as cp

    X, y = np.asarray(task["X"]), np.asarray(task["y"])[:, 0]
    D = (X @ np.asarray(task["gates"]).T >= 0).astype(float)
    P, d = D.shape[1], X.shape[1]
    begin = time.process_time()
    v, w = cp.Variable((P, d)), cp.Variable((P, d))
    fit = cp.sum(cp.multiply(D, X @ (v - w).T), axis=1)
    signs = 2 * D - 1
    cones = [cp.multiply(signs, X @ v.T) >= 0, cp.multiply(signs, X @ w.T) >= 0]
    norms = cp.sum(cp.norm(v, 2, axis=1)) + cp.sum(cp.norm(w, 2, axis=1))
    program = cp.Problem(cp.Minimize(cp.sum_squares(fit - y) / 2 + task["beta"] * norms), cones)
    program.solve(solver=task["solver"])
    cpu = time.process_time() - begin
    weights = {"v": v.value.tolist(), "w": w.value.tolist()}
    yield {"cpu": cpu, "label": program.status, "weights": weights}


def cvxopt(task):
    """The same program as min 1/2 x'Qx + q'x over cones, handed to the interior-point solver of CVXOPT without a modelling layer."""
    from cvxopt import matrix, solvers, spmatrix

    X, y = np.asarray(task["X"]), np.asarray(task["y"])[:, 0]
    D = (X @ np.asarray(task["gates"]).T >= 0).astype(float)
    (n, d), P = X.shape, D.shape[1]
    begin = time.process_time()
    fit = np.hstack([D[:, i : i + 1] * X for i in range(P)])
    F = np.hstack([fit, -fit])
    groups = 2 * P
    size = groups * d
    Q = np.zeros((size + groups, size + groups))
    Q[:size, :size] = F.T @ F
    q = np.concatenate([-F.T @ y, np.full(groups, task["beta"])])
    signs = np.hstack([2 * D - 1, 2 * D - 1])
    values = [-(signs[:, g : g + 1] * X).ravel() for g in range(groups)]
    rows = [np.repeat(g * n + np.arange(n), d) for g in range(groups)]
    columns = [np.tile(g * d + np.arange(d), n) for g in range(groups)]
    for g in range(groups):
        values.append(np.full(d + 1, -1.0))
        rows.append(groups * n + g * (d + 1) + np.arange(d + 1))
        columns.append(np.concatenate([[size + g], g * d + np.arange(d)]))
    height = groups * (n + d + 1)
    G = spmatrix(
        *(matrix(np.concatenate(x)) for x in (values, rows, columns)), size=(height, size + groups)
    )
    dims = {"l": groups * n, "q": [d + 1] * groups, "s": []}
    solvers.options.update(show_progress=False, reltol=1e-7, abstol=1e-9, feastol=1e-8)
    answer = solvers.coneqp(matrix(Q), matrix(q), G, matrix(0.0, (height, 1)), dims)
    cpu = time.process_time() - begin
    u = np.asarray(answer["x"])[:size, 0].reshape(groups, d)
    yield {"cpu": cpu, "label": answer["status"], "weights": {"v": u[:P].tolist(), "w": u[P:].tolist()}}


def ecos(task):
    """The same program with a linear objective over second-order cones, handed to ECOS without a modelling layer.

    Variables: the blocks v_1 .. v_P, w_1 .. w_P (d numbers each), bounds t of their norms, the misfit z (n numbers), and s >= |z|^2 / 2.
    """
    import ecos as solver
    from scipy import sparse

    X, y = np.asarray(task["X"]), np.asarray(task["y"])[:, 0]
    D = (X @ np.asarray(task["gates"]).T >= 0).astype(float)
    (n, d), P = X.shape, D.shape[1]
    begin = time.process_time()
    groups = 2 * P
    size = groups * d
    variables = size + groups + n + 1
    cost = np.concatenate([np.zeros(size), np.full(groups, task["beta"]), np.zeros(n), [1.0]])
    # misfit: sum_i D_i X (v_i - w_i) - z = y
    fit = np.hstack([D[:, i : i + 1] * X for i in range(P)])
    A = sparse.hstack([np.hstack([fit, -fit]), sparse.csc_matrix((n, groups)), -sparse.eye(n), sparse.csc_matrix((n, 1))])
    # cones of the patterns: -(2 D_i - 1) X u <= 0, for v and for w
    signs = np.hstack([2 * D - 1, 2 * D - 1])
    cones = sparse.block_diag([-(signs[:, g : g + 1] * X) for g in range(groups)])
    linear = sparse.hstack([cones, sparse.csc_matrix((n * groups, variables - size))])
    # norms: (t, u) in the second-order cone
    columns = np.concatenate([np.concatenate([[size + g], g * d + np.arange(d)]) for g in range(groups)])
    height = groups * (d + 1)
    norms = sparse.csc_matrix((np.full(height, -1.0), (np.arange(height), columns)), shape=(height, variables))
    # |z|^2 <= 2 s: (s + 1/2, s - 1/2, z) in the second-order cone
    last = np.concatenate([[variables - 1, variables - 1], size + groups + np.arange(n)])
    square = sparse.csc_matrix((np.full(n + 2, -1.0), (np.arange(n + 2), last)), shape=(n + 2, variables))
    G = sparse.vstack([linear, norms, square]).tocsc()
    h = np.concatenate([np.zeros(n * groups + height), [0.5, -0.5], np.zeros(n)])
    dims = {"l": n * groups, "q": [d + 1] * groups + [n + 2], "e": 0}
    answer = solver.solve(cost, G, h, dims, A.tocsc(), y, verbose=False)
    cpu = time.process_time() - begin
    u = np.asarray(answer["x"])[:size].reshape(groups, d)
    yield {"cpu": cpu, "label": answer["info"]["infostring"], "weights": {"v": u[:P].tolist(), "w": u[P:].tolist()}}


interior_point = {"cvxpy": cvxpy, "ecos": ecos, "cvxopt": cvxopt}


def available():
    names = []
    for name in interior_point:
        try:
            importlib.import_module(name)
            names.append(name)
        except ImportError:
            pass
    try:
        load_scnn()
        names.append("scnn")
    except ImportError:
        pass
    return names


def main():
    if len(sys.argv) == 1:
        print(" ".join(available()))
        return
    with open(sys.argv[1]) as file:
        task = json.load(file)
    peer = task["peer"]
    points = []
    run = interior_point[peer](task) if peer in interior_point else scnn(task, peer == "scnn-relu")
    for point in run:
        points.append(point)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        # Written anew after each point, so that a run that is cut off leaves what it had.
        with open(sys.argv[2], "w") as file:
            json.dump({"peakBytes": peak, "points": points}, file)


main()
