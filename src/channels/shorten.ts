/** The text in at most `limit` units (UTF-16), cut between lines, with a word on what is missing. Pure. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const note = '\n... more: fleet alerts list';
  const room = limit - note.length;
  const cut = text.slice(0, room);
  const line = cut.lastIndexOf('\n');
  const kept = line > room / 2 ? cut.slice(0, line) : cut;
  // Half of a character is none.
  return `${/[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept}${note}`;
}

/** The same in bytes of UTF-8. Pure. */
export function shortenBytes(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  let units = limit;
  let kept = shorten(text, units);
  while (Buffer.byteLength(kept) > limit && units > 64) {
    units -= Math.max(1, Math.ceil((Buffer.byteLength(kept) - limit) / 3));
    kept = shorten(text, units);
  }
  return kept;
}
