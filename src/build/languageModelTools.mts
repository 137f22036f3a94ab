import { toJsonSchema } from '@valibot/to-json-schema';
import { editorToolInputs } from '../assistant/toolInputs.ts';
import { tools } from '../assistant/tools.ts';

/** The tools of language models as package.json declares them. */
export function languageModelTools(): readonly object[] {
  return (Object.keys(tools) as (keyof typeof tools)[]).map((key) => {
    const { name, description } = tools[key];
    const schema = toJsonSchema(editorToolInputs[key], { errorMode: 'ignore' });
    const inputSchema = Object.fromEntries(Object.entries(schema).filter(([field]) => field !== '$schema'));
    return {
      name,
      displayName: `%tool.${key}%`,
      modelDescription: description,
      canBeReferencedInPrompt: true,
      toolReferenceName: name.replace(/^convexnet_/, 'convexnet-').replaceAll('_', '-'),
      tags: ['convexnet'],
      inputSchema,
    };
  });
}
