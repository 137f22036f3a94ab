/**
 * SHA-256 of the empty text. The control library asks whether `:focus-visible` works by adding an empty `<style>` and inserting
 * a rule through the object model; this source allows that element and no inline style that has any text.
 */
export const emptyStyleHash = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

/**
 * The whole content security policy of the panel: scripts by nonce, styles and fonts from the extension's own files, pictures
 * that the page draws itself. No `unsafe-*` source, no network.
 *
 * @param cspSource the origin of the extension's files (`webview.cspSource`)
 * @param nonce fresh for every page, from a cryptographic generator
 */
export function panelPolicy(cspSource: string, nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} ${emptyStyleHash}`,
    `font-src ${cspSource}`,
    `img-src ${cspSource} data: blob:`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}
