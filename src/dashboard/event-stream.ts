/** One entry of the history, as the API sends it. */
export interface Entry {
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What came: entries, and a place (an id) without one. */
export type Heard = Entry | { readonly id: string; readonly data: null };

/** What one entry may have, characters; a longer one is passed over. */
const mostOfEntry = 262_144;

/**
 * Reads server-sent events (WHATWG HTML, 9.2) from text that comes in pieces: each call gives the
 * entries that are whole by then. Comments, and entries that are no JSON object, are passed over;
 * an id without data is where to go on.
 */
export function entryReader(): (piece: string) => readonly Heard[] {
  let rest = '';
  return (piece) => {
    rest += piece;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    if (rest.length > mostOfEntry) rest = '';
    return blocks.flatMap((block): Heard[] => {
      const entry = entryOf(block);
      return entry === null ? [] : [entry];
    });
  };
}

function entryOf(block: string): Heard | null {
  const fields = new Map<string, string>();
  for (const line of block.split(/\r?\n/)) {
    const [, name, value = ''] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const before = fields.get(name);
    fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value);
  }
  const [id, text] = [fields.get('id'), fields.get('data')];
  if (id === undefined) return null;
  if (text === undefined) return { id, data: null };
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null && !Array.isArray(data)
      ? { id, data: data as Entry['data'] }
      : null;
  } catch {
    return null;
  }
}
