interface RestrictedSyntax {
  readonly selector: string;
  readonly message: string;
}
/** No default exports. */
export const nameExports: RestrictedSyntax;
/** No text is shown past src/host/ui.ts. */
export const shownText: readonly RestrictedSyntax[];
