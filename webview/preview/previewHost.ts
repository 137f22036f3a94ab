import type { FromPreview, ToPreview } from '../../src/shared/preview.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';

/** What the page remembers across reloads: which file it is about. */
export interface PreviewViewState {
  readonly uri: string;
}

export type PreviewHost = Editor<FromPreview, ToPreview, PreviewViewState>;

export function connectPreview(): PreviewHost {
  return connectEditor((value) => {
    const uri = typeof value === 'object' && value !== null && 'uri' in value ? value.uri : undefined;
    return { uri: typeof uri === 'string' ? uri : '' };
  });
}
