import type { sweep } from '../../verbs/upkeep/sweep.ts';
import { formatSweep } from '../render/sweep.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofSweep: TextOf<typeof sweep> = { done: (result, _, { nowMs }) => formatSweep(result, nowMs) };

export const texts: Readonly<Record<string, VerbText>> = { sweep: ofSweep };
