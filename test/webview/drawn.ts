import type { Page } from 'playwright-core';

/** How many canvases of a page nothing is drawn on, marks apart, which may be none; charts below those in sight are drawn a moment later. */
export function blankCanvases(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const copy = document.createElement('canvas'); // reading a canvas itself again and again would make a slow one of it
    const isBlank = (canvas: HTMLCanvasElement): boolean => {
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const context = copy.getContext('2d', { willReadFrequently: true })!;
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, copy.width, copy.height);
      return !new Uint32Array(data.buffer).some((pixel) => pixel !== 0);
    };
    const blank = (): number =>
      [...document.querySelectorAll<HTMLCanvasElement>('canvas:not(.marks)')].filter(isBlank).length;
    for (let frame = 0; frame < 120 && blank() > 0; frame++)
      await new Promise((resolve) => requestAnimationFrame(resolve));
    return blank();
  });
}

/**
 * The widths, in pixels, into which a page does not fit, by how much. It begins with the one that the window has, upwards or downwards, so that what follows
 * begins where this ends: a change of width draws every chart again.
 */
export async function misfits(page: Page, widths: readonly number[] = [1600, 700, 300]): Promise<string[]> {
  const found: string[] = [];
  const order = page.viewportSize()!.width === widths.at(-1) ? [...widths].reverse() : widths;
  for (const width of order) {
    if (page.viewportSize()!.width !== width) await page.setViewportSize({ width, height: 900 });
    // it is drawn a moment after the window has that width; what is too wide for longer than that is too wide
    const wide = await page.evaluate(async () => {
      const tooWide = (): number => document.documentElement.scrollWidth - window.innerWidth;
      for (let frame = 0; frame < 120 && tooWide() > 0; frame++)
        await new Promise((resolve) => requestAnimationFrame(resolve));
      return tooWide();
    });
    if (wide > 0) found.push(`${wide} px too wide at ${width}`);
  }
  return found;
}
