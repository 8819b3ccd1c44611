/**
 * Cursors of a walk through a linear hash index that may grow and shrink meanwhile: they count buckets with their bits reversed (Redis's dictScan, by
 * P. Noordhuis). So a record that is there from the first step to the last is visited at least once. A step visits the bucket `cursor & mask`
 * and the one `level` behind it where there is one, with mask = level - 1 as the level is then.
 */

/** The cursor behind `v`, 0 at the end: one is added to its bits in reversed order, as many bits as `mask` has. */
export function nextReversed(v: number, mask: number): number {
  return reverseBits((reverseBits((v | ~mask) >>> 0) + 1) >>> 0);
}

function reverseBits(x: number): number {
  let v = x;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}
