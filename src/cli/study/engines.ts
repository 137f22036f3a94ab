import { UsageError } from '../usage.ts';
import type { Engine } from './engine.ts';
import { localEngine } from './local.ts';
import { slurmEngine } from './slurm.ts';

/** What the command line says about engines; each takes what concerns it. */
export interface EngineOptions {
  readonly program: string;
  readonly processes?: number;
  readonly throttle?: number;
  readonly chunk?: number;
  readonly partition?: string;
  readonly sbatch?: readonly string[];
  readonly detach?: boolean;
}

/** Engines by name. */
const engines: Readonly<Record<string, (options: EngineOptions) => Engine>> = {
  local: localEngine,
  slurm: slurmEngine,
};

export const engineNames: readonly string[] = Object.keys(engines);

/** @throws {UsageError} for a name that no engine has */
export function engineOf(name: string, options: EngineOptions): Engine {
  if (!Object.hasOwn(engines, name))
    throw new UsageError(`there is no engine "${name}"; there are ${engineNames.join(', ')}`);
  return engines[name](options);
}
