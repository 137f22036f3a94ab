import { createLab } from '../../src/session/lab.ts';
import { nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { defaultLabSettings, type LabPage, type LabRecord, labPages, type ToLab } from '../../src/shared/lab.ts';
import { sampleSource } from '../support/memorySource.ts';
import { running } from '../support/sessionHarness.ts';

export const labTitles: Record<LabPage, string> = {
  kernel: 'Kernel',
  sweep: 'Width sweep',
  contrast: 'Contrast',
  mlp: 'Training',
  flow: 'Gradient flow',
  geometry: 'Geometry',
};

/** Results of every page on one file, by the code that the worker runs. */
export async function labResults(
  source: Parameters<typeof createLab>[0],
  changes: Partial<Record<LabPage | 'all', Record<string, unknown>>>,
): Promise<Extract<ToLab, { type: 'lab' }>['records']> {
  const lab = createLab(source, nodeSessionDeps());
  const records: Record<string, LabRecord> = {};
  for (const page of labPages) {
    const settings = { ...defaultLabSettings[page], ...changes.all, ...changes[page] };
    const request = { page, settings } as unknown as Parameters<typeof lab.run>[0];
    records[page] = await lab.run(request, () => undefined, running);
  }
  return records;
}

/** One class of the iris data against the others, small. */
export function typicalLab(): ReturnType<typeof labResults> {
  return labResults(sampleSource('iris.csv'), {
    all: { maxRows: 40, positive: 'setosa' },
    kernel: { widths: [16, 64, 256], seeds: 2 },
    sweep: { widths: [16, 64, 256], steps: 60, rateSteps: 20 },
    contrast: { width: 128, steps: 100 },
    mlp: { widths: [16, 64], epochs: 60 },
    flow: { neurons: 6, seeds: 2, steps: 2000, maxRows: 20 },
    geometry: {
      features: ['petal_length_cm', 'petal_width_cm', 'sepal_width_cm'],
      maxRows: 12,
      neurons: 6,
      steps: 2000,
    },
  });
}
