"""Checks a proof file of the Convex Network Explorer: python check_proof.py NETWORK.json PROBLEM.json [PROOF.json]

Recomputes, from the data and the network only, the objective of the network and a lower bound of the objective of ALL two-layer ReLU
networks of the family (any width), and prints what is left between them. Without PROOF.json the network file's own "proof". Needs numpy.
Exit status: 0 accepted, 1 rejected. The mathematics is in docs/proof.md."""
import hashlib
import json
import sys

import numpy as np

EPS = 2.0**-52


class Rejected(Exception): ...


def need(ok, why):
    if not ok:
        raise Rejected(why)


def digest(pieces, text):
    content = b"".join(np.ascontiguousarray(np.ravel(piece), dtype="<f8").tobytes() for piece in pieces)
    return hashlib.sha256(content + text.encode()).hexdigest()


def read_problem(name):
    p = json.loads(open(name, encoding="utf-8-sig").read())
    need(not isinstance(p["X"], str) and not isinstance(p["y"], str), "X and y must stand in the problem file itself")
    X, loss, w = np.array(p["X"], float), p["loss"], np.array(p.get("weights", []), float)
    y = np.array(p["y"], float).reshape(len(X), -1)
    c = p.get("outputs") or (max(2, int(y.max()) + 1) if loss == "softmax" else y.shape[1])
    need(loss in ("squared", "huber", "logistic", "hinge", "softmax"), f"the {loss} loss is not known here")
    need(len(w) in (0, len(X)) and np.all(w > 0), "weights of rows are positive, one for each row")
    return X, y, c, loss, p.get("bias", "none"), p.get("outputPenalty", "per-output"), p["beta"], w, [p["delta"]] if loss == "huber" else []


def read_network(name, d, c):
    net = json.loads(open(name, encoding="utf-8-sig").read())
    net = net.get("network", net)
    W1, b1, b2 = np.array(net["W1"], float).reshape(-1, d), np.array(net["b1"], float), np.array(net.get("b2", 0.0), float)
    return W1, b1.reshape(len(W1)), np.array(net.get("W2", net.get("w2")), float).reshape(len(W1), c), b2.reshape(-1) * np.ones(c)


def loss_value(loss, F, y, w, delta):
    """Sum over rows of weight times loss."""
    if loss == "softmax":
        return np.sum(w * (np.logaddexp.reduce(F, axis=1) - F[np.arange(len(F)), y[:, 0].astype(int)]))
    if loss in ("logistic", "hinge"):
        return np.sum(w[:, None] * (np.logaddexp(0, -y * F) if loss == "logistic" else np.maximum(0, 1 - y * F)))
    r = np.abs(F - y)
    most = delta[0] if loss == "huber" else np.max(r)
    return np.sum(w[:, None] * np.where(r <= most, 0.5 * r**2, most * (r - 0.5 * most)))


def dual_value(loss, V, y, w, delta):
    """-l*(-V), rounded down: weight times that of the row over its weight; V outside the domain is refused."""
    V, w, outside = V / w[:, None], w[:, None], "the dual point is outside the domain of the loss"
    size = V.size * max(1, np.max(w))
    if loss in ("squared", "huber"):
        need(loss == "squared" or np.all(np.abs(V) <= delta[0]), outside)
        value, size = np.sum(w * V * (y - 0.5 * V)), np.sum(w * np.abs(V) * (np.abs(y) + np.abs(V)))
    else:
        p, own = np.stack([y * V, 1 - y * V]) if loss != "softmax" else -V, (np.arange(len(V)), y[:, 0].astype(int))
        if loss == "softmax":
            rest = p.sum(axis=1) - p[own]
            need(np.all(np.abs(V[own] - rest) <= 1e-12), "a row of the dual point does not sum to zero")
            p[own] = 1 - rest
        need(np.all(p >= -1e-15), outside)
        value = np.sum(w * p[0]) if loss == "hinge" else -np.sum(w * p * np.log(np.where(p > 0, p, 1)))
    return value - 8 * (V.size + 8) * EPS * size


def over_sphere(G, c):
    """Upper bound of max u'G u + c'u over the unit sphere."""
    w, Q = np.linalg.eigh(G)
    b = Q.T @ c
    scale = np.linalg.norm(G) + np.linalg.norm(c)
    low = w[-1] + EPS * len(c) * scale + 1e-150
    high = max(low, w[-1] + np.linalg.norm(c) / 2)
    if np.sum((b / (low - w)) ** 2) <= 4:
        high = low
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.sum((b / (middle - w)) ** 2) > 4 else (low, middle)
    return high + np.sum(b * b / (4 * (high - w))), len(c) * scale


def triangles(m, unit, upper):
    """What weight (g'u)^2 / (2 s) + s / 2 - |x_i'u| + sum |factor_j| |x_j'u| >= 0 with g = x_i - sum factor_j x_j adds: to upper (in place), G, constant, size, terms."""
    line, count, others = (np.array(m[k], int) for k in ("line", "count", "others"))
    factors, size = np.array(m["factors"], float), np.maximum(np.array(m["size"], float), 1e-150)
    weight = np.maximum(0, np.array(m["weight"], float))
    fits = len(line) == len(count) == len(weight) == len(size) and len(others) == len(factors) == count.sum()
    need(fits and np.all(count >= 0) and np.all(line >= 0) and np.all(others >= 0), "the lists of triangles do not fit")
    of, g, longest = np.repeat(np.arange(len(line)), count), unit[line], np.ones(len(line))
    np.subtract.at(g, of, factors[:, None] * unit[others])
    np.add.at(longest, of, np.abs(factors))
    np.subtract.at(upper, line, weight)
    np.add.at(upper, others, weight[of] * np.abs(factors))
    curve = weight / (2 * size)
    mass = np.sum(curve * longest**2 + weight * size / 2 + 2 * weight * longest)
    return g.T @ (curve[:, None] * g), np.sum(weight * size) / 2, mass, len(others) + 4 * len(line)


def constraint(unit, q, rows, v, m):
    """Upper bound of v'(Xu)_+ over ||u|| <= 1 from any multipliers m."""
    (L, d), (row, side, length, stray) = unit.shape, rows
    load, on = length * v, row >= 0
    even, odd = (np.bincount(row[on], x[on], L) for x in (load, side * load))
    plus, minus, inner = (np.maximum(0, np.array(m[k], float)) for k in ("plus", "minus", "inner"))
    i, j = np.array(m["pairs"], float).astype(int).reshape(-1, 2).T
    l00, l10, l11, l20, l21, l22 = np.array(m["root"], float).reshape(-1, 6).T
    both = 2 * (l10 * l20 + l11 * l21)
    own, other = (x + np.maximum(both, 0) / 2 for x in (l10**2 + l11**2, l20**2 + l21**2 + l22**2))
    cross = np.minimum(both, 0) * np.clip(np.nan_to_num(np.array(m["turn"], float)), -1, 1)
    size, w = np.maximum(np.array(m["size"], float), 1e-150), np.array(m["w"], float).reshape(L, q)
    upper = even / 2 + plus + minus + inner
    upper += np.bincount(i, 2 * l00 * l10, L) + np.bincount(j, 2 * l00 * l20, L)
    corners = triangles(m["triangles"], unit, upper)
    inner, upper = inner - np.minimum(upper, 0), np.maximum(upper, 0)
    turn = (inner / np.maximum(1, np.linalg.norm(w, axis=1)))[:, None] * np.pad(w, ((0, 0), (0, d - q)))
    G = unit.T @ ((upper / (2 * size))[:, None] * unit - turn) + unit[j].T @ (other[:, None] * unit[j])
    G += unit[i].T @ (own[:, None] * unit[i] + cross[:, None] * unit[j])
    G, c = (G + G.T) / 2 + corners[0], unit.T @ (odd / 2 - plus + minus)
    kappa = np.sum(upper * size) / 2 + np.sum(l00**2) + corners[1]
    mass = np.sum(np.abs(load)) + np.sum(upper / (2 * size) + upper * size / 2 + upper + 2 * inner + plus + minus)
    mass += np.sum(l00**2 + 2 * np.abs(l00) * (np.abs(l10) + np.abs(l20)) + 3 * (own + other)) + corners[2]
    charge = 0.0
    if q < d:
        own, g = G[-1, -1], G[:-1, -1]
        room = max(m["bias"] - own, 1e-150)
        charge = own + room + c[-1] ** 2 / (4 * room)
        mass += abs(own) + abs(charge) + np.sum(g * g) / room + np.sum(np.abs(c[-1] * g)) / room
        G, c = G[:-1, :-1] + np.outer(g, g) / room, c[:-1] + c[-1] * g / room
    value, more = over_sphere(G, c)
    return max(0.0, value + charge + kappa + 8 * (L + 6 * len(i) + corners[3] + d + 32) * EPS * (mass + more) + 1.5 * np.sum(np.abs(load) * stray))


def check(network, problem, name=None):
    X, y, c, loss, bias, penalty, beta, weights, delta = read_problem(problem)
    w = weights if len(weights) else np.ones(len(X))
    proof = json.loads(open(name or network, encoding="utf-8-sig").read())
    proof = proof if name else proof.get("proof", {})
    need(proof.get("format") == "convexnet-proof/3", "not a proof file of version 3")
    says = proof["problem"]
    need(says["sha256"] == digest([X, y, [len(X), X.shape[1], c, beta], weights, delta], f"{loss}|{bias}|{penalty}"), "the proof is for another problem")
    lines = proof["lines"]
    pieces = [[says[k] for k in ("rows", "inputs", "outputs", "beta")] + [proof["objective"], proof["lowerBound"]], proof["dual"]]
    pieces += [[proof["factor"], proof["top"]], lines["first"], lines["row"], lines["side"]]
    for m in proof["parts"]:
        pieces += [[m["output"], m["sign"]], *(m[k] for k in ("w", "size", "plus", "minus", "inner", "pairs", "root", "turn"))]
        pieces += [m["triangles"][k] for k in ("line", "count", "others", "factors", "weight", "size")] + [[m["bias"]]]
    need(proof["sha256"] == digest(pieces, "|".join(says[k] for k in ("sha256", "loss", "bias", "outputPenalty"))), "the proof file was altered")
    W1, b1, W2, b2 = read_network(network, X.shape[1], c)
    F = np.maximum(X @ W1.T + b1, 0) @ W2 + b2
    need((bias != "none" or not b1.any()) and (bias == "free" or not b2.any()), "the network has biases that the problem does not allow")
    inner = np.sum(W1**2) + (0 if bias == "free" else np.sum(b1**2))
    objective = loss_value(loss, F, y, w, delta) + beta / 2 * (inner + np.sum(np.sum(np.abs(W2), axis=1) ** 2))
    need(abs(objective - proof["objective"]) <= 1e-11 * abs(objective), "the proof is for another network")
    # rows on unit lines; with a free bias centred, the bias in units of the longest row
    q, Z = X.shape[1], X
    if bias == "regularized":
        Z, q = np.hstack([X, np.ones((len(X), 1))]), q + 1
    if bias == "free":
        Z = X - X.mean(axis=0)
        unit_bias = np.linalg.norm(Z, axis=1).max() * (1 + 2e-14 * (q + 1))
        Z = np.hstack([Z, np.full((len(X), 1), unit_bias if unit_bias > 0 else 1.0)])
    length = np.linalg.norm(Z, axis=1)
    first, row, side = (np.array(lines[k], int) for k in ("first", "row", "side"))
    unit = Z[first] / length[first][:, None]
    need(np.all((row >= 0) | (length == 0)), "a row has no line")
    stray = np.where(row >= 0, np.linalg.norm(Z / np.where(length > 0, length, 1)[:, None] - side[:, None] * unit[row], axis=1), 0)
    V = np.array(proof["dual"], float).reshape(len(X), c)
    need(bias != "free" or np.all(np.abs(V.sum(axis=0)) <= 1e-10 * (1 + np.abs(V).sum(axis=0))), "columns of the dual point do not sum to zero")
    top = 0.0
    for k, sign in [(k, sign) for k in range(c) for sign in (1, -1)]:
        found = [m for m in proof["parts"] if m["output"] == k and m["sign"] == sign]
        need(len(found) == 1, f"output {k} has no part of sign {sign}")
        top = max(top, constraint(unit, q, (row, side, length, stray), sign * V[:, k], found[0]))
    need(top <= proof["top"] * (1 + 1e-10), f"the dual constraint is {top}, not at most {proof['top']}")
    factor = proof["factor"] * (1 - 1e-10)
    need(factor >= 0 and factor * max(top, proof["top"]) <= beta, "the factored dual point is too long")
    bound = dual_value(loss, factor * V, y, w, delta)
    need(bound >= proof["lowerBound"] - 1e-9 * abs(objective), f"only {bound} is proven, not {proof['lowerBound']}")
    return objective, min(bound, proof["lowerBound"]), factor * top / beta


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        value, lower, used = check(*sys.argv[1:])
    except (Rejected, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as why:
        sys.exit(f"REJECTED: {why}" if isinstance(why, Rejected) else f"REJECTED, unreadable: {why!r}")
    gap = (value - lower) / max(abs(value), 1e-300)
    print(f"accepted: objective {value:.10g}, no network is below {lower:.10g} (relative gap {gap:.3g}; constraint {used:.12g} of 1)")
