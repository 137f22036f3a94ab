import * as ort from 'onnxruntime-web';
import { type AnyTensor, decodeOnnx, type Tensor } from './onnxDecoder.ts';

// one thread, so that nothing of it outlives a test
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Runs an ONNX file on named inputs in ONNX Runtime, which shares no code with this project. */
export async function runOnnxOn(
  file: Uint8Array,
  given: ReadonlyMap<string, AnyTensor>,
): Promise<Map<string, AnyTensor>> {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  try {
    const feeds = decodeOnnx(file).inputs.map(({ name, type }) => [name, tensorOf(type, given.get(name)!)] as const);
    const found = await session.run(Object.fromEntries(feeds));
    return new Map(
      Object.entries(found).map(([name, { dims, data }]) => [
        name,
        { dims, data: Array.isArray(data) ? data : Float64Array.from(data as Float64Array) },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** The same for a file with one input of numbers, rows x columns, and its one output. */
export async function runOnnx(file: Uint8Array, rows: number, X: Float64Array): Promise<Tensor> {
  const { input, output } = decodeOnnx(file);
  const found = await runOnnxOn(file, new Map([[input.name, { dims: [rows, X.length / rows], data: X }]]));
  return found.get(output.name) as Tensor;
}

/** @param type as ONNX numbers its element types */
function tensorOf(type: number, { dims, data }: AnyTensor): ort.Tensor {
  switch (type) {
    case 1:
      return new ort.Tensor('float32', Float32Array.from(data as Float64Array), dims);
    case 8:
      return new ort.Tensor('string', [...data] as string[], dims);
    case 11:
      return new ort.Tensor('float64', Float64Array.from(data as Float64Array), dims);
    default:
      throw new Error(`input of type ${type}`);
  }
}
