import type { PreparedData } from '../core/data/prepareData.ts';
import type { FileSource, FileStamp } from '../core/data/source.ts';
import type { Table } from '../core/data/table.ts';
import type { Problem } from '../core/problem/problem.ts';
import type { DeepRecord, StructureRecord } from '../shared/depth.ts';
import type {
  CompareRecord,
  CrossValidationRecord,
  ImportanceRecord,
  PathRecord,
  SolveTimes,
  StageName,
  TestFileSummary,
  ThresholdRecord,
  TracePoint,
} from '../shared/run.ts';
import type { ModelComparisonRecord } from '../shared/modelComparison.ts';
import type { TrainSettings } from '../shared/settings.ts';
import type { StageContext } from './context.ts';
import type { Baseline } from './baselines.ts';
import type { Description, Outcome, TrainedNetwork } from './family/family.ts';

/** A file as it was read. */
export interface LoadedTable {
  readonly key: string;
  readonly table: Table;
  readonly stamp: FileStamp | null;
  readonly sha256: string;
  /** The second file, whose rows are behind those of the first in the table. */
  readonly test?: {
    readonly source: FileSource;
    readonly stamp: FileStamp | null;
    readonly facts: TestFileSummary;
  };
}

/** A training problem with all that does not depend on beta; it stays from a run to the next one with another beta. */
export interface Prepared {
  readonly settings: TrainSettings;
  readonly loaded: LoadedTable;
  readonly data: PreparedData;
  /** At beta 1. */
  readonly problem: Problem;
  readonly betaMax: number;
  /** Proven upper bound of betaMax where it was searched for, the best so far. */
  readonly betaMaxUpper?: number;
  /** Undefined until they are fitted. */
  readonly baselines?: readonly Baseline[];
  readonly path?: PathRecord;
  readonly crossValidation?: CrossValidationRecord;
  readonly models?: ModelComparisonRecord;
  /** What the next solve may start from. */
  readonly warm?: unknown;
}

/** A run in the making. Stages take one and give the next. */
export interface Draft extends Omit<Prepared, 'settings'> {
  readonly id: string;
  readonly created: Date;
  readonly revision: number;
  readonly source: Pick<FileSource, 'uri' | 'name'>;
  readonly settings: TrainSettings;
  /** Beta is only being tried: the solve alone is wanted. */
  readonly preview: boolean;
  readonly trace: readonly TracePoint[];
  /** Words on what was left out or cut short, by stage, in the order of the stages. */
  readonly notes: Readonly<Partial<Record<StageName | 'file', readonly string[]>>>;
  /** What went into a network at this beta that the solve goes on from. */
  readonly begun?: { readonly seconds: number; readonly trace: readonly TracePoint[] };
  /** What a solve at each point of a path of this run may start from. */
  readonly pathWarm?: readonly unknown[];
  /** Trained networks that the result must not lie above. */
  readonly networks: readonly TrainedNetwork[];
  readonly extras?: Partial<DeepRecord>;
  readonly structure?: StructureRecord;
  readonly compare?: CompareRecord;
  readonly threshold?: ThresholdRecord;
  readonly importance?: ImportanceRecord;
}

/** One with a network. */
export interface SolvedDraft extends Draft {
  readonly outcome: Outcome;
  readonly described: Description;
  readonly times: SolveTimes;
  /** The proof over all networks is still running. */
  readonly proving: boolean;
}

/** Shows a draft that is good so far although its stage goes on. */
export type Show = (draft: SolvedDraft) => void;

/** One step of a run after the solve. A stage that is stopped gives what it has, with a note. */
export interface Stage {
  readonly name: StageName;
  /** Before there is a network: whether it may be wanted then. */
  wanted(draft: Draft & Partial<Pick<SolvedDraft, 'outcome'>>): boolean;
  run(draft: SolvedDraft, context: StageContext, show: Show): SolvedDraft | Promise<SolvedDraft>;
}
