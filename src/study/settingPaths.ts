import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import { flatSettings, withField } from '../shared/settingKinds.ts';
import { defaultSettings, trainingTable, type TrainSettings } from '../shared/settings.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import { StudyError } from './studyError.ts';

/** Names of all settings, dotted where they are nested. */
export const settingPaths: ReadonlySet<string> = new Set(flatSettings(trainingTable).map(([name]) => name));

/** Some settings, by dotted name. */
export type Patch = Readonly<Record<string, unknown>>;

/** Beta as a study file says it: auto, { relative: r }, { absolute: b }, or as the settings have it. */
export function betaPatch(value: unknown, path: readonly (string | number)[]): Patch {
  if (value === 'auto') return { 'beta.kind': 'auto' };
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value as Readonly<Record<string, unknown>>);
    if (entries.length === 1 && (entries[0][0] === 'relative' || entries[0][0] === 'absolute'))
      return { 'beta.kind': entries[0][0], 'beta.value': entries[0][1] };
    if ('kind' in value) return { 'beta.kind': value.kind, ...('value' in value ? { 'beta.value': value.value } : {}) };
  }
  throw new StudyError(
    'beta is auto, {relative: R} (R times the smallest beta of the zero network) or {absolute: B}',
    path,
  );
}

/**
 * A mapping of the study file as settings by dotted name.
 * @throws {StudyError} for a name that no setting has
 */
export function patchOf(map: Readonly<Record<string, unknown>>, path: readonly (string | number)[]): Patch {
  const patch: Record<string, unknown> = {};
  const walk = (value: unknown, name: string, place: readonly (string | number)[]): void => {
    if (name === 'beta') Object.assign(patch, betaPatch(value, place));
    else if (settingPaths.has(name)) patch[name] = value;
    else if (isGroup(name) && typeof value === 'object' && value !== null && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value)) walk(inner, `${name}.${key}`, [...place, key]);
    else throw new StudyError(`there is no setting "${name}"`, place);
  };
  for (const [key, value] of Object.entries(map)) walk(value, key, [...path, key]);
  return patch;
}

/** Whether settings are nested below a name. */
export function isGroup(name: string): boolean {
  return [...settingPaths].some((known) => known.startsWith(`${name}.`));
}

/**
 * Settings from the defaults of a study and patches, later ones over earlier ones. In a study the path over beta is off unless it is asked for
 * (or beta is chosen by cross-validation, which goes along it), and gradient descent is a solver of its own. Patches are checked one by one
 * (`checkPatch`), as no bound of a setting depends on another setting.
 */
export function settingsFrom(patches: readonly Patch[]): TrainSettings {
  const patch: Patch = Object.assign({}, ...patches) as Patch;
  const start = patch['beta.kind'] === 'auto' ? alongPath : plainStart;
  const settings = Object.entries(patch).reduce<object>((all, [name, value]) => withField(all, name, value), start);
  return settings as TrainSettings;
}

const alongPath: TrainSettings = { ...defaultSettings, compare: { ...defaultSettings.compare, enabled: false } };
const plainStart: TrainSettings = { ...alongPath, path: { ...defaultSettings.path, points: 0 } };

/** @throws {StudyError} where a value is not allowed, naming the setting */
export function checkPatch(patch: Patch, path: readonly (string | number)[]): Patch {
  const parsed = v.safeParse(trainSettingsSchema, settingsFrom([patch]));
  if (parsed.success) return patch;
  const [issue] = parsed.issues;
  throw new StudyError(`${v.getDotPath(issue) ?? 'settings'}: ${schemaWords(issue)}`, path);
}
