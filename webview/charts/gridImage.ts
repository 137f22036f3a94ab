/** The red, green, blue and alpha (0..255) of any CSS colours, in order. */
export function colorBytes(colors: readonly string[]): Uint8ClampedArray {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, colors.length);
  canvas.height = 1;
  const ctx = canvas.getContext('2d', { willReadFrequently: true })!;
  colors.forEach((color, i) => {
    ctx.fillStyle = color;
    ctx.fillRect(i, 0, 1, 1);
  });
  return ctx.getImageData(0, 0, canvas.width, 1).data;
}

/** Diagonal lines over the cells that `where` picks, so that they can be told apart without colour. */
export function hatchImage(
  columns: number,
  rows: number,
  where: (column: number, row: number) => boolean,
  size: { readonly width: number; readonly height: number },
  stroke: string,
): HTMLCanvasElement {
  const layer = document.createElement('canvas');
  layer.width = Math.max(1, Math.round(size.width));
  layer.height = Math.max(1, Math.round(size.height));
  const lines = layer.getContext('2d')!;
  lines.strokeStyle = stroke;
  lines.lineWidth = 1;
  lines.beginPath();
  for (let x = -layer.height; x < layer.width; x += 7) {
    lines.moveTo(x, layer.height);
    lines.lineTo(x + layer.height, 0);
  }
  lines.stroke();
  lines.globalCompositeOperation = 'destination-in';
  lines.imageSmoothingEnabled = true;
  const mask = gridImage(columns, rows, ['transparent', 'black'], (c, r) => (where(c, r) ? 1 : 0));
  lines.drawImage(mask, 0, 0, layer.width, layer.height);
  return layer;
}

/**
 * A picture with one pixel per cell, row-major from the top: `color[i]` is an index into `colors`. Scaled up without smoothing it
 * has no seams between cells, which rectangles with transparent colours would have.
 */
export function gridImage(
  columns: number,
  rows: number,
  colors: readonly string[],
  color: (column: number, row: number) => number,
): HTMLCanvasElement {
  const words = new Uint32Array(colorBytes(colors).slice().buffer);
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const ctx = canvas.getContext('2d')!;
  const image = ctx.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) pixels[r * columns + c] = words[color(c, r)];
  ctx.putImageData(image, 0, 0);
  return canvas;
}
