/** The slider's scale: steps on a log axis from `low` to `high`, both in beta. */
export interface BetaScale {
  readonly low: number;
  readonly high: number;
  readonly steps: number;
}

/** Four decades below the beta that gives the zero network, and as much more as the run or its path needs. */
export function betaScale(betaMax: number, others: readonly number[]): BetaScale | null {
  const positive = others.filter((beta) => Number.isFinite(beta) && beta > 0);
  const high = Math.max(Number.isFinite(betaMax) ? betaMax : 0, ...positive);
  if (!(high > 0)) return null;
  return { low: Math.min(high * 1e-4, ...positive), high, steps: 400 };
}

export function stepToBeta(scale: BetaScale, step: number): number {
  if (step >= scale.steps) return scale.high;
  if (step <= 0) return scale.low;
  const beta = scale.low * (scale.high / scale.low) ** (step / scale.steps);
  // Three digits: what the text shows is what is solved.
  return Number(beta.toPrecision(3));
}

export function betaToStep(scale: BetaScale, beta: number): number {
  const share = Math.log(beta / scale.low) / Math.log(scale.high / scale.low);
  return Math.round(Math.max(0, Math.min(1, share)) * scale.steps);
}

/** Reads "0.5", "1e-3", "0,5", or a share of beta max as "10 %"; null when it is none of these or not positive. */
export function parseBeta(text: string, betaMax: number): number | null {
  const match = /^\s*([\d.,]+(?:e[-+]?\d+)?)\s*(%?)\s*$/i.exec(text);
  if (!match) return null;
  const digits = match[1].includes('.') ? match[1].replaceAll(',', '') : match[1].replace(',', '.');
  const value = Number(digits);
  if (!Number.isFinite(value) || value <= 0) return null;
  return match[2] === '%' ? (value / 100) * betaMax : value;
}
