export function pageChunks(
  metafiles: readonly { readonly outputs: Readonly<Record<string, object>> }[],
): Readonly<Record<string, readonly string[]>>;
