/** The product of two vectors of the same size. */
export function dot(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} and ${b.length} dimensions`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** A vector of length one in the same direction; zero stays zero. */
export function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(dot(vector, vector));
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Root mean square of samples, 0..1. */
export function rms(pcm: Float32Array): number {
  return pcm.length === 0 ? 0 : Math.sqrt(dot(pcm, pcm) / pcm.length);
}
