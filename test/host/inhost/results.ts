/** What the tests inside the extension host hand out, as a JSON file. */
export interface InHostResults {
  readonly tests: { title: string; state: string; milliseconds: number; error?: string }[];
  /** Measured values by name. */
  readonly figures: Readonly<Record<string, string>>;
}
