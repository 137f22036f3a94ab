import { releaseProxy } from 'comlink';
import * as v from 'valibot';
import type { Control } from '../core/base/control.ts';
import type { FileSource } from '../core/data/source.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import { createLab, type Lab } from '../session/lab.ts';
import type { SessionDeps } from '../session/context.ts';
import type { StopMark } from '../shared/stopFlag.ts';
import { type LabProgress, type LabRecord, type LabRequest, labRequestSchema } from '../shared/lab.ts';

/** A page cannot show more progress than this, and every report costs the host a message; finished cells always go through. */
const progressEveryMs = 50;

/** The pages of the Lab on one file, each under the control of its task. `onProgress` is a comlink proxy; it is released at the end. */
export function createLabTask(
  file: Promise<FileSource>,
  sessionDeps: (kernels: Kernels) => SessionDeps,
  control: (task: StopMark) => Control,
): (task: StopMark, request: LabRequest, onProgress: (progress: LabProgress) => void) => Promise<LabRecord> {
  let lab: Promise<Lab> | null = null;
  return async (task, request, onProgress) => {
    let lastAt = -Infinity;
    try {
      const checked = v.parse(labRequestSchema, request);
      lab ??= file.then((source) => createLab(source, sessionDeps(createKernels())));
      return await (
        await lab
      ).run(
        checked,
        (progress) => {
          const at = performance.now();
          if (progress.cell === undefined && at - lastAt < progressEveryMs) return;
          lastAt = at;
          onProgress(progress);
        },
        control(task),
      );
    } finally {
      (onProgress as unknown as { [releaseProxy]?: () => void })[releaseProxy]?.();
    }
  };
}
