/** The folder of the repository. */
export const root: string;
/** `npm ci`, unless that was already done with the same lock file. */
export function ensureDependencies(): void;
/** A Chromium to drive: $CHROMIUM, one that is installed, or Debian's, installed now. Returns its path. */
export function ensureChromium(): string;
/** A Python 3, with numpy where that is asked for: $PYTHON, one on the PATH, or Debian's, installed now. Returns the command. */
export function ensurePython(options?: { readonly numpy?: boolean }): string;
export function ensureSlurm(): void;
