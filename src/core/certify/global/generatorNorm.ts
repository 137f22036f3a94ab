/**
 * The shortest p with p'u_k >= b_k for r given generators: the dual of  max b'lambda - ||sum_k lambda_k u_k||^2 / 2  over lambda >= 0, with
 * p = sum_k lambda_k u_k. Only the first q coordinates of the generators count (the bias of a free-bias problem does not).
 * Active sets as in Lawson and Hanson (1974), Cholesky of the Gram matrix of the set.
 */
export class GeneratorNorm {
  private readonly G: Float64Array;
  private readonly L: Float64Array;
  private readonly set: Int32Array;
  private readonly inSet: Uint8Array;
  private readonly x: Float64Array;
  private readonly middle: Float64Array;
  private readonly generators: Float64Array;
  /** ||m|| for some m with m'u_k >= 1 for all k. */
  private spread = Infinity;

  private count = 0;

  /** For up to r generators of `stride` numbers, the first q of which count. */
  constructor(
    private readonly r: number,
    private readonly stride: number,
    private readonly q: number,
  ) {
    this.G = new Float64Array(r * r);
    this.L = new Float64Array(r * r);
    this.set = new Int32Array(r);
    this.inSet = new Uint8Array(r);
    this.x = new Float64Array(r);
    this.middle = new Float64Array(q);
    this.generators = new Float64Array(r * q);
  }

  /** Takes the generators from the slots of U named by the first `size` entries of `cone`; `centre` points into the cone. */
  load(U: Float64Array, cone: Int32Array, size: number, centre: Float64Array): void {
    const { r, q, G, generators, stride } = this;
    this.count = size;
    for (let k = 0; k < size; k++) for (let j = 0; j < q; j++) generators[k * q + j] = U[cone[k] * stride + j];
    for (let k = 0; k < size; k++) {
      for (let l = 0; l <= k; l++) {
        let s = 0;
        for (let j = 0; j < q; j++) s += generators[k * q + j] * generators[l * q + j];
        G[k * r + l] = G[l * r + k] = s;
      }
    }
    let least = Infinity;
    let length = 0;
    for (let j = 0; j < q; j++) {
      this.middle[j] = centre[j];
      length += centre[j] * centre[j];
    }
    for (let k = 0; k < size; k++) {
      let s = 0;
      for (let j = 0; j < q; j++) s += this.middle[j] * generators[k * q + j];
      least = Math.min(least, s);
    }
    this.spread = least > 0 ? Math.sqrt(length) / least : Infinity;
  }

  /** u_k'u_l of the loaded generators. */
  inner(k: number, l: number): number {
    return this.G[k * this.r + l];
  }

  /** A proven upper bound of ||p|| at its shortest (p repaired for what it violates); lambda and p as found. */
  shortest(b: Float64Array, lambda: Float64Array, p: Float64Array): number {
    const { r, q, G, set, inSet, x, generators, count: size } = this;
    inSet.fill(0);
    lambda.fill(0);
    let count = 0;
    let scale = 0;
    for (let k = 0; k < size; k++) scale = Math.max(scale, Math.abs(b[k]));
    for (let round = 0; round < 3 * r + 5; round++) {
      let best = 1e-13 * scale;
      let enter = -1;
      for (let k = 0; k < size; k++) {
        if (inSet[k] !== 0) continue;
        let s = b[k];
        for (let l = 0; l < count; l++) s -= G[k * r + set[l]] * lambda[set[l]];
        if (s > best) [best, enter] = [s, k];
      }
      if (enter < 0) break;
      set[count++] = enter;
      inSet[enter] = 1;
      for (let inner = 0; inner < 2 * r + 2 && count > 0; inner++) {
        if (!this.factor(count)) {
          count = this.exchange(lambda, count);
          if (count < 0) break;
          continue;
        }
        this.solveSet(b, count);
        let step = 1;
        let blocking = -1;
        for (let l = 0; l < count; l++) {
          if (x[l] > 0) continue;
          const at = lambda[set[l]] / (lambda[set[l]] - x[l]);
          if (at < step || blocking < 0) {
            step = Math.min(step, at);
            blocking = l;
          }
        }
        for (let l = 0; l < count; l++) lambda[set[l]] += step * (x[l] - lambda[set[l]]);
        if (blocking < 0) break;
        let kept = 0;
        for (let l = 0; l < count; l++) {
          const k = set[l];
          if (l === blocking || lambda[k] <= 0) {
            lambda[k] = 0;
            inSet[k] = 0;
          } else set[kept++] = k;
        }
        count = kept;
      }
      if (count < 0) break;
    }
    count = 0;
    for (let k = 0; k < size; k++) if (lambda[k] > 0) set[count++] = k;
    p.fill(0);
    for (let l = 0; l < count; l++) for (let j = 0; j < q; j++) p[j] += lambda[set[l]] * generators[set[l] * q + j];
    let violation = 0;
    for (let k = 0; k < size; k++) {
      let s = b[k];
      for (let j = 0; j < q; j++) s -= p[j] * generators[k * q + j];
      violation = Math.max(violation, s);
    }
    let length = 0;
    for (let j = 0; j < q; j++) length += p[j] * p[j];
    return Math.sqrt(length) + (violation > 0 ? violation * this.spread : 0);
  }

  /** Cholesky factor of G_SS; false when its last row depends on the others. */
  private factor(count: number): boolean {
    const { r, G, L, set } = this;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) {
        let s = G[set[i] * r + set[j]];
        for (let k = 0; k < j; k++) s -= L[i * r + k] * L[j * r + k];
        if (i === j) {
          if (s <= 1e-13 * G[set[i] * r + set[i]]) return false;
          L[i * r + i] = Math.sqrt(s);
        } else L[i * r + j] = s / L[j * r + j];
      }
    }
    return true;
  }

  /**
   * The last of the set is a combination sum_l c_l u_l of the others: it takes over as much of their weight as it can, which leaves p as it is, and
   * the one that runs out leaves the set. Returns the new count, -1 when none runs out (rounding; the bound is repaired anyway).
   */
  private exchange(lambda: Float64Array, count: number): number {
    const { r, G, L, set, inSet, x } = this;
    const m = count - 1;
    const last = set[m];
    for (let i = 0; i < m; i++) {
      let s = G[last * r + set[i]];
      for (let k = 0; k < i; k++) s -= L[i * r + k] * x[k];
      x[i] = s / L[i * r + i];
    }
    this.backSubstitute(m);
    let step = Infinity;
    let leaves = -1;
    for (let l = 0; l < m; l++) {
      if (x[l] <= 1e-12) continue;
      const at = lambda[set[l]] / x[l];
      if (at < step) [step, leaves] = [at, l];
    }
    if (leaves < 0) {
      inSet[last] = 2;
      lambda[last] = 0;
      return -1;
    }
    for (let l = 0; l < m; l++) lambda[set[l]] = Math.max(0, lambda[set[l]] - step * x[l]);
    lambda[last] += step;
    const gone = set[leaves];
    lambda[gone] = 0;
    inSet[gone] = 0;
    for (let l = leaves; l < m; l++) set[l] = set[l + 1];
    return m;
  }

  /** x := solution of G_SS x = b_S for the factored set. */
  private solveSet(b: Float64Array, count: number): void {
    const { r, L, set, x } = this;
    for (let i = 0; i < count; i++) {
      let s = b[set[i]];
      for (let k = 0; k < i; k++) s -= L[i * r + k] * x[k];
      x[i] = s / L[i * r + i];
    }
    this.backSubstitute(count);
  }

  private backSubstitute(count: number): void {
    const { r, L, x } = this;
    for (let i = count - 1; i >= 0; i--) {
      let s = x[i];
      for (let k = i + 1; k < count; k++) s -= L[k * r + i] * x[k];
      x[i] = s / L[i * r + i];
    }
  }
}
