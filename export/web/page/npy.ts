/** Rows of the same length as a float32 array [rows, columns] in NumPy's format 1.0. */
export function npy(rows: readonly Float32Array[]): ArrayBuffer {
  const columns = rows[0]?.length ?? 0;
  const about = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, ${columns}), }`;
  const start = 10;
  const header = about.padEnd(Math.ceil((start + about.length + 1) / 64) * 64 - start - 1) + "\n";
  const bytes = new Uint8Array(start + header.length + 4 * rows.length * columns);
  bytes.set([0x93, ...ascii("NUMPY"), 1, 0, header.length & 0xff, header.length >> 8, ...ascii(header)]);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, r) => {
    row.forEach((value, c) => view.setFloat32(start + header.length + 4 * (r * columns + c), value, true));
  });
  return bytes.buffer;
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
