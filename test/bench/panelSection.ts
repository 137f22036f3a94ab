import { spawnSync } from 'node:child_process';
import { median, seconds, table } from './timing.ts';

interface Times {
  readonly opening: readonly { readonly scripts: number; readonly picture: number }[];
  readonly views: Readonly<
    Record<
      string,
      { readonly shown: number[]; readonly busy: number[]; readonly again: number[]; readonly drag: number | null }
    >
  >;
}

/** What a person waits for in the panel, with 10,000 rows and 100 neurons, in Chromium without a graphics card. Needs `dist`, which `npm run bench` builds. */
export function benchPanel(): void {
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'test/bench/panelBench.mts'], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`the panel was not drawn: ${stderr}`);
  const { opening, views } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Times;
  const ms = (value: number): string => seconds(value / 1000);
  const of = (pick: (one: Times['opening'][number]) => number): number => median(opening.map(pick));
  console.log(
    `Opening, median of ${opening.length}: page and scripts ${ms(of(({ scripts }) => scripts))}, from the record to its pictures ${ms(of(({ picture }) => picture))}, ` +
      `together ${ms(of(({ scripts, picture }) => scripts + picture))} (to reach: 300 ms).\n`,
  );
  table(
    [
      'view',
      'tab to paint (median)',
      'longest',
      'busy',
      'new record to paint (median)',
      'longest',
      'busy a step of a drag',
    ],
    Object.entries(views).map(([view, { shown, busy, again, drag }]) => [
      view,
      ms(median(shown)),
      ms(Math.max(...shown)),
      ms(median(busy)),
      ms(median(again)),
      ms(Math.max(...again)),
      drag === null ? 'no picture' : ms(drag),
    ]),
  );
  console.log(
    'Wall time to the second frame (to reach: 100 ms); busy and a drag are main-thread time, of a tab and of each step (to reach: 16 ms).\n',
  );
}
