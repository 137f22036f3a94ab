/**
 * Every name that package.json also spells: a test compares the two, so that neither can drift. Used by the extension host, by
 * the tests and by nothing that runs outside the editor.
 */
export const extensionId = 'convexnet.convex-network-explorer';

export const commandIds = {
  train: 'convexNet.train',
  trainAgain: 'convexNet.trainAgain',
  stop: 'convexNet.stop',
  setBeta: 'convexNet.setBeta',
  halveBeta: 'convexNet.halveBeta',
  doubleBeta: 'convexNet.doubleBeta',
  pickBetaFromPath: 'convexNet.pickBetaFromPath',
  switchModel: 'convexNet.switchModel',
  compareModels: 'convexNet.compareModels',
  setGates: 'convexNet.setGates',
  setSeed: 'convexNet.setSeed',
  openRun: 'convexNet.openRun',
  openRunBeside: 'convexNet.openRunBeside',
  renameRun: 'convexNet.renameRun',
  pinRun: 'convexNet.pinRun',
  deleteRun: 'convexNet.deleteRun',
  importRun: 'convexNet.importRun',
  compareRuns: 'convexNet.compareRuns',
  exportComparison: 'convexNet.exportComparison',
  filterRuns: 'convexNet.filterRuns',
  clearRunFilter: 'convexNet.clearRunFilter',
  exportRun: 'convexNet.exportRun',
  exportPredictions: 'convexNet.exportPredictions',
  exportModel: 'convexNet.exportModel',
  exportProblem: 'convexNet.exportProblem',
  exportCertificate: 'convexNet.exportCertificate',
  exportReport: 'convexNet.exportReport',
  copyCommandLine: 'convexNet.copyCommandLine',
  predictOnFile: 'convexNet.predictOnFile',
  turnIntoRelu: 'convexNet.turnIntoRelu',
  openLab: 'convexNet.openLab',
  openStudy: 'convexNet.openStudy',
  openLesson: 'convexNet.openLesson',
  previewData: 'convexNet.previewData',
  openSamples: 'convexNet.openSamples',
  openSettings: 'convexNet.openSettings',
  showLog: 'convexNet.showLog',
} as const;

export type CommandId = (typeof commandIds)[keyof typeof commandIds];

export const viewContainer = 'convexNet';
export const runsView = 'convexNet.runs';
export const panelType = 'convexNet.results';
export const labType = 'convexNet.lab';
export const comparisonType = 'convexNet.comparison';
/** The editor of run files. */
export const runEditorType = 'convexNet.run';
/** How names of run files end. */
export const runFileEnd = '.convexrun.json';
export const studyType = 'convexNet.study';
export const lessonType = 'convexNet.lesson';
export const previewType = 'convexNet.preview';
/** Pages that come back when a window is opened again. */
export const pageTypes = [panelType, comparisonType, labType, studyType, lessonType, previewType] as const;
export type PageType = (typeof pageTypes)[number];
export const walkthrough = 'convexNet.gettingStarted';

/** Context keys for `when` and `enablement` clauses. */
export const contextKeys = {
  /** A run is open, so that beta can be changed and the run exported. */
  hasRun: 'convexNet.hasRun',
  /** The run that is open has a regularisation path. */
  hasPath: 'convexNet.hasPath',
  /** The data set that is open is being trained on. */
  training: 'convexNet.training',
  /** The tree of runs shows some of them only. */
  runsFiltered: 'convexNet.runsFiltered',
} as const;

export const configurationSection = 'convexNet';
