import { DataError } from '../../core/data/dataError.ts';
import { plainCopy } from '../../core/data/plainText.ts';
import { type Lesson, lessonSchema, type LessonStep } from '../../shared/lesson.ts';
import { checkPatch, patchOf, settingsFrom } from '../../study/settingPaths.ts';
import { StudyError } from '../../study/studyError.ts';
import { readYaml, YamlError } from '../yamlFile.ts';

/** Reads a lesson; texts in it come out plain. @throws {DataError} naming file, line and column of what is wrong */
export function readLesson(text: string, file: string): Lesson {
  try {
    const { value, complaint } = readYaml(text, lessonSchema, 'a lesson');
    const patch = (settings: Readonly<Record<string, unknown>> = {}, path: readonly (string | number)[]) => {
      try {
        return checkPatch(patchOf(settings, path), path);
      } catch (error) {
        throw error instanceof StudyError ? complaint(error.message, error.path) : error;
      }
    };
    const common = patch(value.settings, ['settings']);
    const steps = value.steps.map((step, k): LessonStep => {
      if (step.kind !== 'solve') return plainCopy(step);
      const { text: words, settings } = step;
      const own = settingsFrom([common, patch(settings, ['steps', k, 'settings'])]);
      return { kind: 'solve', ...(words === undefined ? {} : { text: plainCopy(words) }), settings: own };
    });
    const { title, about, data } = value;
    return {
      title: plainCopy(title),
      ...(about === undefined ? {} : { about: plainCopy(about) }),
      data,
      steps,
    };
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new DataError('settings', error.message, { file, line: error.line, column: error.column });
  }
}
