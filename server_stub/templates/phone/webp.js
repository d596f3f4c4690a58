// The size of a picture (RFC 9649) before anybody decodes it: a small file can ask for gigabytes.

const tag = (bytes, from) => String.fromCharCode(...bytes.subarray(from, from + 4));

// Width times height of a still WebP; throws for anything else.
export function pixels(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = tag(bytes, 0) + tag(bytes, 8) + tag(bytes, 12);
  if (kind === "RIFFWEBPVP8 ") return (view.getUint16(26, true) & 0x3fff) * (view.getUint16(28, true) & 0x3fff);
  if (kind === "RIFFWEBPVP8L") {
    const both = view.getUint32(21, true);
    return ((both & 0x3fff) + 1) * (((both >> 14) & 0x3fff) + 1);
  }
  if (kind !== "RIFFWEBPVP8X" || view.getUint8(20) & 2) throw new Error("not a still picture"); // 2: moving
  return ((view.getUint32(24, true) & 0xffffff) + 1) * ((view.getUint32(26, true) >>> 8) + 1);
}
