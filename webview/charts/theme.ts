import { useEffect, useState } from 'preact/hooks';
import type { Concept, Tone } from './spec.ts';

/** Colours and fonts of the current editor theme, resolved for canvases and exported pictures. */
export interface Palette {
  readonly background: string;
  readonly foreground: string;
  readonly muted: string;
  readonly grid: string;
  readonly series: readonly string[];
  readonly good: string;
  readonly bad: string;
  readonly focus: string;
  readonly font: string;
  readonly dark: boolean;
}

/** What stands in for the extension's own colours (`contributes.colors`) where the page is shown elsewhere. */
const seriesVariables = [
  '--vscode-charts-blue',
  '--vscode-charts-orange',
  '--vscode-charts-green',
  '--vscode-charts-purple',
  '--vscode-charts-red',
  '--vscode-charts-yellow',
];

/** Reads the palette; system colour words stand in for variables that a theme leaves out. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.body);
  const read = (...names: string[]): string => {
    for (const name of names) {
      const value = name.startsWith('--') ? style.getPropertyValue(name).trim() : name;
      if (value !== '') return value;
    }
    return 'CanvasText';
  };
  const foreground = read('--vscode-editor-foreground', '--vscode-foreground');
  return {
    background: read('--vscode-editor-background', 'Canvas'),
    foreground,
    muted: read('--vscode-descriptionForeground', foreground),
    grid: read('--vscode-contrastBorder', '--vscode-editorWidget-border', '--vscode-panel-border', 'GrayText'),
    series: seriesVariables.map((name, i) => read(`--vscode-convexNet-series${i + 1}`, name, foreground)),
    good: read('--vscode-charts-green', foreground),
    bad: read('--vscode-errorForeground', '--vscode-charts-red', foreground),
    focus: read('--vscode-focusBorder', foreground),
    font: read('--vscode-font-family', 'sans-serif'),
    dark: !document.body.className.includes('light'),
  };
}

/** One colour for each thing that is compared, in every chart. */
const concepts: Record<Concept, number> = {
  training: 0,
  test: 1,
  bound: 2,
  descent: 3,
  'descent-2': 4,
  'descent-3': 5,
};

/** For files: black on white, whatever the editor's theme is. */
export function printPalette(font: string): Palette {
  return {
    background: '#ffffff',
    foreground: '#1a1a1a',
    muted: '#5f5f5f',
    grid: '#b4b4b4',
    series: ['#1f6fc4', '#b85c00', '#2b7d2b', '#7b3fa8', '#c02626', '#857000'],
    good: '#2b7d2b',
    bad: '#c02626',
    focus: '#1f6fc4',
    font,
    dark: false,
  };
}

export function toneColor(palette: Palette, tone: Tone): string {
  if (typeof tone === 'number') return palette.series[tone];
  const concept = concepts[tone as Concept] as number | undefined;
  if (concept !== undefined) return palette.series[concept];
  if (tone === 'foreground' || tone === 'network') return palette.foreground;
  if (tone === 'muted') return palette.muted;
  return tone === 'good' ? palette.good : palette.bad;
}

/** Any CSS colour, more transparent. */
export function withAlpha(color: string, alpha: number): string {
  // Files are read by programs that know no mixing.
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  if (hex)
    return `rgba(${hex
      .slice(1)
      .map((part) => parseInt(part, 16))
      .join(', ')}, ${Number(alpha.toFixed(3))})`;
  return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
}

type Listener = (palette: Palette) => void;
const listeners = new Set<Listener>();
let current: Palette | null = null;

function watchTheme(): Palette {
  if (current) return current;
  current = readPalette();
  // The editor swaps the variables on the root element and the theme class on the body, one after the other.
  const observer = new MutationObserver(() => {
    current = readPalette();
    for (const listener of listeners) listener(current);
  });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'style'] });
  return current;
}

/** The palette of the current theme; renders again when the theme changes. */
export function usePalette(): Palette {
  const [palette, setPalette] = useState(watchTheme);
  useEffect(() => {
    listeners.add(setPalette);
    return () => {
      listeners.delete(setPalette);
    };
  }, []);
  return palette;
}
