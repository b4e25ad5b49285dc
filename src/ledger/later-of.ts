import type { ExpressionBuilder } from 'kysely';
import type { LedgerSchema } from './schema.ts';

type Times = 'contact_intent_at' | 'may_boot_until';

/**
 * The later of a host's time and `ms`; null counts as never. Written as `case`, which both engines
 * know: each has a name of its own for the larger of two values.
 */
export const laterOf = (eb: ExpressionBuilder<LedgerSchema, 'hosts'>, time: Times, ms: number) => {
  const known = eb.fn.coalesce(eb.ref(time), eb.lit(0));
  return eb.case().when(known, '>', ms).then(known).else(ms).end();
};
