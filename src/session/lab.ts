import { ReadStopped } from '../core/data/reader.ts';
import { DataError } from '../core/data/dataError.ts';
import { ProblemError } from '../core/base/problemError.ts';
import type { FileSource } from '../core/data/source.ts';
import type { Control } from '../core/base/control.ts';
import type { LabPage, LabProgress, LabRecord, LabRecordOf, LabRequest, LabVerdict } from '../shared/lab.ts';
import { productVersion } from '../shared/version.ts';
import { labContrast } from './labContrast.ts';
import { type LabReader, type LabRows, readLabRows } from './labData.ts';
import { type FlowMemory, labFlow } from './labFlow.ts';
import { labGeometry } from './labGeometry.ts';
import { labMlp, type MlpMemory } from './labMlp.ts';
import { LabRefusal } from './labRefusal.ts';
import { labKernel, labSweep } from './labWide.ts';
import { type SessionDeps, TrainStopped } from './context.ts';

/** One data file in the Lab. */
export interface Lab {
  /**
   * Runs one page. A stop gives a record with what was finished, or `TrainStopped` when that is nothing; errors about the data are
   * `DataError`s, and what is too large is a `LabRefusal` that says what fits.
   */
  run(request: LabRequest, onProgress: (progress: LabProgress) => void, control: Control): Promise<LabRecord>;
}

export function createLab(source: FileSource, deps: SessionDeps): Lab {
  return createLabOn(
    source.name,
    (settings, options, control) => readLabRows(source, deps, settings, options, control),
    deps,
  );
}

/** The Lab on rows from anywhere; `name` is the file's in messages. */
export function createLabOn(name: string, read: LabReader, deps: SessionDeps): Lab {
  /** The last run of gradient flow, for inserting its suggested neuron. */
  let memory: FlowMemory | null = null;
  /** The last networks of page "mlp", for going on. */
  let trained: MlpMemory | null = null;

  const rowsFor = async (request: LabRequest, control: Control): Promise<LabRows> => {
    switch (request.page) {
      case 'kernel':
        return read(request.settings, { testFraction: 0, binary: false }, control);
      case 'mlp':
      case 'sweep':
      case 'contrast': {
        const { testFraction } = request.settings;
        return read(request.settings, { testFraction, binary: false }, control);
      }
      case 'flow':
        return read(request.settings, { testFraction: 0, binary: true }, control);
      case 'geometry': {
        const { features } = request.settings;
        return read(request.settings, { testFraction: 0, binary: true, features }, control);
      }
    }
  };

  const run = async (
    request: LabRequest,
    onProgress: (progress: LabProgress) => void,
    control: Control,
  ): Promise<LabRecord> => {
    const begin = control.now();
    const { page } = request;
    const say = (message: string, fraction: number | null = null, cell?: string): void =>
      onProgress({ page, message, fraction, ...(cell === undefined ? {} : { cell }) });
    say(`Reading ${name}`);
    const rows = await rowsFor(request, control);
    await deps.pause();
    const spoken: Control = {
      shouldStop: () => control.shouldStop(),
      now: () => control.now(),
      report: ({ phase, fraction }) => say(phase, fraction ?? null),
    };
    function finish<P extends LabPage>(
      part: Pick<LabRecordOf<P>, 'page' | 'settings' | 'result'>,
      verdicts: readonly LabVerdict[],
      status: LabRecord['status'],
    ): LabRecordOf<P> {
      return {
        format: 'convexnet-lab/1',
        ...part,
        createdAt: deps.date().toISOString(),
        version: productVersion,
        status,
        data: rows.data,
        verdicts,
        seconds: control.now() - begin,
      } as unknown as LabRecordOf<P>;
    }
    switch (request.page) {
      case 'mlp': {
        const from = request.resume === true ? trained : null;
        trained = null;
        const outcome = await labMlp(rows, request.settings, from, deps, spoken, say);
        trained = outcome.memory;
        if (outcome.result.runs.length === 0) throw new TrainStopped('Stopped before a network was trained.');
        return finish<'mlp'>(
          { page: 'mlp', settings: request.settings, result: outcome.result },
          [],
          outcome.cancelled ? 'cancelled' : 'complete',
        );
      }
      case 'kernel': {
        const { result, verdicts } = labKernel(rows, request.settings, deps.kernels, spoken);
        return finish<'kernel'>({ page: 'kernel', settings: request.settings, result }, verdicts, result.status);
      }
      case 'sweep': {
        const { result, verdicts } = labSweep(rows, request.settings, deps.kernels, spoken, (line, fraction) =>
          say(line, fraction, line),
        );
        if (result.cells.length === 0) throw new TrainStopped('Stopped before a run was finished.');
        return finish<'sweep'>({ page: 'sweep', settings: request.settings, result }, verdicts, result.status);
      }
      case 'contrast': {
        const outcome = labContrast(rows, request.settings, deps.kernels, control, say);
        if (outcome === undefined) throw new TrainStopped('Stopped before both networks were trained.');
        const { result, verdicts, cancelled } = outcome;
        return finish<'contrast'>(
          { page: 'contrast', settings: request.settings, result },
          verdicts,
          cancelled ? 'cancelled' : 'complete',
        );
      }
      case 'flow': {
        if (request.insert === true && memory === null) {
          throw new LabRefusal('the networks of the last runs are gone; run the page again, then insert');
        }
        const outcome = await labFlow(
          rows,
          request.settings,
          request.insert === true ? memory : null,
          deps,
          spoken,
          say,
        );
        memory = outcome.memory;
        return finish<'flow'>(
          { page: 'flow', settings: request.settings, result: outcome.result },
          outcome.verdicts,
          outcome.cancelled ? 'cancelled' : 'complete',
        );
      }
      case 'geometry': {
        const outcome = labGeometry(rows, request.settings, spoken, say);
        return finish<'geometry'>(
          { page: 'geometry', settings: request.settings, result: outcome.result },
          outcome.verdicts,
          outcome.cancelled ? 'cancelled' : 'complete',
        );
      }
    }
  };

  return {
    async run(request, onProgress, control) {
      try {
        return await run(request, onProgress, control);
      } catch (error) {
        if (error instanceof ReadStopped) throw new TrainStopped('Stopped while the file was being read.');
        if (error instanceof ProblemError) throw new DataError('settings', error.message, { file: name });
        throw error;
      }
    },
  };
}
