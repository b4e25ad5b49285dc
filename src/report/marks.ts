/** How a state is drawn: its shape says what its colour says. Pure. */
export interface Mark {
  readonly kind: 'good' | 'busy' | 'idle' | 'bad';
  readonly sign: string;
}

const marks: Readonly<Record<string, Mark>> = {
  online: { kind: 'good', sign: '●' },
  placed: { kind: 'busy', sign: '◐' },
  reconnecting: { kind: 'busy', sign: '◐' },
  'flood-wait': { kind: 'busy', sign: '◑' },
  held: { kind: 'busy', sign: '‖' },
  stopped: { kind: 'idle', sign: '■' },
  stored: { kind: 'idle', sign: '□' },
  unknown: { kind: 'idle', sign: '?' },
  removing: { kind: 'idle', sign: '→' },
};

/** Of a state that is none of the harmless ones: a cross. */
export const markOf = (state: string): Mark => marks[state] ?? { kind: 'bad', sign: '✕' };
