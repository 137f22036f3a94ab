import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';

/** Geometry of the class means of last-layer features: neural collapse sends their cosines to -1/(k-1). */
export interface Collapse {
  readonly classes: number;
  /** k x k cosines between centred class means. */
  readonly cosines: number[][];
  /** What a simplex equiangular tight frame has off the diagonal. */
  readonly simplexCosine: number;
  /** Largest distance of an off-diagonal cosine from it. */
  readonly deviation: number;
  /** Within-class over between-class scatter: 0 when all features of a class coincide. */
  readonly withinOverBetween: number;
}

/** Class-mean geometry of n x m features with class ids 0..k-1. */
export function collapseOf(features: DenseMatrix, labels: ArrayLike<number>, classes: number): Collapse {
  const m = features.cols;
  const means = denseMatrix(classes, m);
  const counts = new Float64Array(classes);
  for (let i = 0; i < features.rows; i++) {
    counts[labels[i]]++;
    for (let j = 0; j < m; j++) means.data[labels[i] * m + j] += features.data[i * m + j];
  }
  const centre = new Float64Array(m);
  for (let k = 0; k < classes; k++) {
    for (let j = 0; j < m; j++) {
      means.data[k * m + j] /= Math.max(1, counts[k]);
      centre[j] += means.data[k * m + j] / classes;
    }
  }
  let within = 0;
  for (let i = 0; i < features.rows; i++) {
    for (let j = 0; j < m; j++) within += (features.data[i * m + j] - means.data[labels[i] * m + j]) ** 2;
  }
  let between = 0;
  for (let k = 0; k < classes; k++) {
    for (let j = 0; j < m; j++) {
      means.data[k * m + j] -= centre[j];
      between += counts[k] * means.data[k * m + j] ** 2;
    }
  }
  const cosines = Array.from({ length: classes }, (_, a) =>
    Array.from({ length: classes }, (_, b) => {
      const scale = norm2(rowOf(means, a)) * norm2(rowOf(means, b));
      return scale > 0 ? dot(rowOf(means, a), rowOf(means, b)) / scale : 0;
    }),
  );
  const simplexCosine = classes > 1 ? -1 / (classes - 1) : 0;
  let deviation = 0;
  for (let a = 0; a < classes; a++) {
    for (let b = 0; b < classes; b++)
      if (a !== b) deviation = Math.max(deviation, Math.abs(cosines[a][b] - simplexCosine));
  }
  return {
    classes,
    cosines,
    simplexCosine,
    deviation,
    withinOverBetween: between > 0 ? within / between : Number.POSITIVE_INFINITY,
  };
}
