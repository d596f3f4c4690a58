// SM3 (GB/T 32905): browsers have none. Only for names that a policy hides; nothing rests on its speed.

const left = (x, n) => (n % 32 ? (x << n % 32) | (x >>> (32 - (n % 32))) : x) >>> 0;

export function sm3(bytes) {
  const size = bytes.length;
  const padded = new Uint8Array(Math.ceil((size + 9) / 64) * 64);
  padded.set(bytes);
  padded[size] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, (size * 8) >>> 0);
  view.setUint32(padded.length - 8, Math.floor(size / 0x20000000));
  let v = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
  for (let at = 0; at < padded.length; at += 64) {
    const w = Array.from({ length: 16 }, (_, j) => view.getUint32(at + 4 * j));
    for (let j = 16; j < 68; j++) {
      const x = (w[j - 16] ^ w[j - 9] ^ left(w[j - 3], 15)) >>> 0;
      w[j] = ((x ^ left(x, 15) ^ left(x, 23)) ^ left(w[j - 13], 7) ^ w[j - 6]) >>> 0;
    }
    let [a, b, c, d, e, f, g, h] = v;
    for (let j = 0; j < 64; j++) {
      const t = j < 16 ? 0x79cc4519 : 0x7a879d8a;
      const ss1 = left((left(a, 12) + e + left(t, j)) >>> 0, 7);
      const ss2 = (ss1 ^ left(a, 12)) >>> 0;
      const ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
      const gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
      const tt1 = ((ff >>> 0) + d + ss2 + ((w[j] ^ w[j + 4]) >>> 0)) >>> 0;
      const tt2 = ((gg >>> 0) + h + ss1 + w[j]) >>> 0;
      [d, c, b, a] = [c, left(b, 9), a, tt1];
      [h, g, f, e] = [g, left(f, 19), e, (tt2 ^ left(tt2, 9) ^ left(tt2, 17)) >>> 0];
    }
    v = [a, b, c, d, e, f, g, h].map((x, j) => (x ^ v[j]) >>> 0);
  }
  return v.map((x) => x.toString(16).padStart(8, "0")).join("");
}
