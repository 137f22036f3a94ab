import { ProblemError } from './problemError.ts';

/** The names of a registry, in its order. */
export function namesOf<Name extends string>(registry: Readonly<Record<Name, unknown>>): readonly Name[] {
  return Object.keys(registry) as Name[];
}

/**
 * What a registry holds under a name: choices by name go through here, so that none falls through to another.
 * @throws {ProblemError} on `field`, naming what there is, when there is no such name
 */
export function namedEntry<Name extends string, Entry>(
  registry: Readonly<Record<Name, Entry>>,
  name: Name,
  field: string,
): Entry {
  if (typeof name !== 'string' || !Object.hasOwn(registry, name)) unknownName(field, name, namesOf(registry));
  return registry[name];
}

/**
 * Complains about a name that is none of those there are.
 * @throws {ProblemError} always
 */
export function unknownName(field: string, name: unknown, names: readonly string[]): never {
  const known = names.map((one) => `"${one}"`).join(', ');
  throw new ProblemError(`must be one of ${known}, not ${JSON.stringify(name)}`, { field });
}
