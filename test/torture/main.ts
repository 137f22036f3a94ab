import { cpus, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hostMessages } from './host.ts';
import { hostFiles } from './hostFiles.ts';
import * as inputSections from './sections.ts';
import { stops } from './stops.ts';
import { type Figures, Tally } from './tally.ts';
import * as verbSections from './verbs.ts';

/** Inputs of each kind in the full form (minutes to an hour, by the machine). */
const full = {
  tables: 20_000,
  damagedTables: 10_000,
  networks: 40_000,
  files: 5_000,
  verbs: 5_000,
  forgedProofs: 5_000,
  assistantLines: 2_000,
  messages: 60_000,
  hostMessages: 60_000,
  hostFiles: 2_000,
  trainings: 1_600,
  stops: 200,
  storeKills: 200,
  commandKills: 100,
  workerKills: 100,
  diskFull: 20,
  twoWindows: 200,
} as const;
type Section = keyof typeof full;
const sections = { ...inputSections, ...verbSections, hostMessages, hostFiles, stops };

function row({ name, count, fine, refused, faults, slowest, stop, slope, seconds }: Figures): string {
  const cells = [name, count, fine, refused, faults.length, `${slowest.toFixed(0)} ms`, stop === undefined ? '' : `${stop.toFixed(0)} ms`, slope === undefined ? '' : `${slope.toFixed(1)} B`, `${seconds.toFixed(0)} s`]; // prettier-ignore
  return `| ${cells.join(' | ')} |`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      share: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      minutes: { type: 'string' },
      count: { type: 'string' },
    },
  });
  const share = Number(values.share ?? 1);
  const seed = Number(values.seed ?? 1);
  const given = values.count === undefined ? undefined : Number(values.count);
  if (!(share > 0 && share <= 1) || !Number.isSafeInteger(seed))
    throw new RangeError('--share from 0 to 1, --seed a whole number');
  if (given !== undefined && !(Number.isSafeInteger(given) && given > 0)) throw new RangeError('--count from 1');
  Tally.minutes = Number(values.minutes ?? Infinity);
  if (!(Tally.minutes > 0)) throw new RangeError('--minutes above 0, for each kind of input');
  setFlagsFromString('--expose-gc');
  (globalThis as { gc?: unknown }).gc = runInNewContext('gc') as unknown;
  const [processor] = cpus();
  console.log(`${processor.model}, ${cpus().length} processors, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${release()}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}, seed ${seed}\n`); // prettier-ignore
  console.log('| input | count | done | refused | faults | longest (processor time) | answer to a stop (processor time) | heap per input | time |'); // prettier-ignore
  console.log('| --- | --: | --: | --: | --: | --: | --: | --: | --: |');
  const faults: string[] = [];
  for (const name of Object.keys(full) as Section[]) {
    if (values.only !== undefined && !values.only.split(',').includes(name)) continue;
    const figures = await sections[name](given ?? Math.max(1, Math.round(full[name] * share)), seed);
    console.log(row(figures));
    faults.push(...figures.faults);
    // of fewer inputs a line through the samples is noise
    if (figures.count >= 1000 && (figures.slope ?? 0) > 2000)
      faults.push(`${name}: the heap grows by ${figures.slope!.toFixed(0)} bytes an input`);
  }
  for (const fault of faults) console.log(`fault: ${fault}`);
  process.exit(faults.length === 0 ? 0 : 1);
}

void main();
