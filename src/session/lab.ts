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
  return new RowsLab(name, read, deps);
}

type RequestOf<P extends LabPage> = Extract<LabRequest, { readonly page: P }>;

/** One page at work. */
interface LabTask {
  readonly rows: LabRows;
  /** The caller's. */
  readonly control: Control;
  /** The same, with what the mathematics reports said on the page. */
  readonly spoken: Control;
  readonly say: (message: string, fraction?: number | null, cell?: string) => void;
  readonly finish: <P extends LabPage>(
    part: Pick<LabRecordOf<P>, 'page' | 'settings' | 'result'>,
    verdicts: readonly LabVerdict[],
    status: LabRecord['status'],
  ) => LabRecordOf<P>;
}

const statusOf = (cancelled: boolean): LabRecord['status'] => (cancelled ? 'cancelled' : 'complete');

class RowsLab implements Lab {
  /** The last run of gradient flow, for inserting its suggested neuron. */
  private flown: FlowMemory | null = null;
  /** The last networks of page "mlp", for going on. */
  private trained: MlpMemory | null = null;

  constructor(
    private readonly name: string,
    private readonly read: LabReader,
    private readonly deps: SessionDeps,
  ) {}

  async run(request: LabRequest, onProgress: (progress: LabProgress) => void, control: Control): Promise<LabRecord> {
    try {
      return await this.page(request, await this.begin(request, onProgress, control));
    } catch (error) {
      if (error instanceof ReadStopped) throw new TrainStopped('Stopped while the file was being read.');
      if (error instanceof ProblemError) throw new DataError('settings', error.message, { file: this.name });
      throw error;
    }
  }

  /** Reads the rows of a page. */
  private async begin(
    request: LabRequest,
    onProgress: (progress: LabProgress) => void,
    control: Control,
  ): Promise<LabTask> {
    const { deps, name } = this;
    const begin = control.now();
    const { page } = request;
    const say: LabTask['say'] = (message, fraction = null, cell) =>
      onProgress({ page, message, fraction, ...(cell === undefined ? {} : { cell }) });
    say(`Reading ${name}`);
    const rows = await this.rowsFor(request, control);
    await deps.pause();
    const finish: LabTask['finish'] = <P extends LabPage>(
      part: Pick<LabRecordOf<P>, 'page' | 'settings' | 'result'>,
      verdicts: readonly LabVerdict[],
      status: LabRecord['status'],
    ) =>
      ({
        format: 'convexnet-lab/1',
        ...part,
        createdAt: deps.date().toISOString(),
        version: productVersion,
        status,
        data: rows.data,
        verdicts,
        seconds: control.now() - begin,
      }) as unknown as LabRecordOf<P>;
    const spoken: Control = {
      shouldStop: () => control.shouldStop(),
      now: () => control.now(),
      report: ({ phase, fraction }) => say(phase, fraction ?? null),
    };
    return { rows, control, spoken, say, finish };
  }

  private rowsFor(request: LabRequest, control: Control): Promise<LabRows> {
    switch (request.page) {
      case 'kernel':
        return this.read(request.settings, { testFraction: 0, binary: false }, control);
      case 'mlp':
      case 'sweep':
      case 'contrast': {
        const { testFraction } = request.settings;
        return this.read(request.settings, { testFraction, binary: false }, control);
      }
      case 'flow':
        return this.read(request.settings, { testFraction: 0, binary: true }, control);
      case 'geometry': {
        const { features } = request.settings;
        return this.read(request.settings, { testFraction: 0, binary: true, features }, control);
      }
    }
  }

  private page(request: LabRequest, task: LabTask): Promise<LabRecord> | LabRecord {
    switch (request.page) {
      case 'mlp':
        return this.mlp(request, task);
      case 'kernel':
        return this.kernel(request, task);
      case 'sweep':
        return this.sweep(request, task);
      case 'contrast':
        return this.contrast(request, task);
      case 'flow':
        return this.flow(request, task);
      case 'geometry':
        return this.geometry(request, task);
    }
  }

  private async mlp(
    { settings, resume }: RequestOf<'mlp'>,
    { rows, spoken, say, finish }: LabTask,
  ): Promise<LabRecord> {
    const from = resume === true ? this.trained : null;
    this.trained = null;
    const { result, cancelled, memory } = await labMlp(rows, settings, from, this.deps, spoken, say);
    this.trained = memory;
    if (result.runs.length === 0) throw new TrainStopped('Stopped before a network was trained.');
    return finish<'mlp'>({ page: 'mlp', settings, result }, [], statusOf(cancelled));
  }

  private kernel({ settings }: RequestOf<'kernel'>, { rows, spoken, finish }: LabTask): LabRecord {
    const { result, verdicts } = labKernel(rows, settings, this.deps.kernels, spoken);
    return finish<'kernel'>({ page: 'kernel', settings, result }, verdicts, result.status);
  }

  private sweep({ settings }: RequestOf<'sweep'>, { rows, spoken, say, finish }: LabTask): LabRecord {
    const { result, verdicts } = labSweep(rows, settings, this.deps.kernels, spoken, (line, fraction) =>
      say(line, fraction, line),
    );
    if (result.cells.length === 0) throw new TrainStopped('Stopped before a run was finished.');
    return finish<'sweep'>({ page: 'sweep', settings, result }, verdicts, result.status);
  }

  private contrast({ settings }: RequestOf<'contrast'>, { rows, control, say, finish }: LabTask): LabRecord {
    const outcome = labContrast(rows, settings, this.deps.kernels, control, say);
    if (outcome === undefined) throw new TrainStopped('Stopped before both networks were trained.');
    const { result, verdicts, cancelled } = outcome;
    return finish<'contrast'>({ page: 'contrast', settings, result }, verdicts, statusOf(cancelled));
  }

  private async flow(
    { settings, insert }: RequestOf<'flow'>,
    { rows, spoken, say, finish }: LabTask,
  ): Promise<LabRecord> {
    if (insert === true && this.flown === null)
      throw new LabRefusal('the networks of the last runs are gone; run the page again, then insert');
    const from = insert === true ? this.flown : null;
    const { result, verdicts, cancelled, memory } = await labFlow(rows, settings, from, this.deps, spoken, say);
    this.flown = memory;
    return finish<'flow'>({ page: 'flow', settings, result }, verdicts, statusOf(cancelled));
  }

  private geometry({ settings }: RequestOf<'geometry'>, { rows, spoken, say, finish }: LabTask): LabRecord {
    const { result, verdicts, cancelled } = labGeometry(rows, settings, spoken, say);
    return finish<'geometry'>({ page: 'geometry', settings, result }, verdicts, statusOf(cancelled));
  }
}
