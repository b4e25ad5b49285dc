import type { Turn } from './model-port.ts';

/**
 * How one server wants to be asked, as far as servers differ. Learned from its refusals, once, and
 * kept while the worker runs.
 */
export interface Dialect {
  readonly limitField: 'max_tokens' | 'max_completion_tokens';
  readonly takesTemperature: boolean;
  readonly takesSystem: boolean;
}

export const commonDialect: Dialect = {
  limitField: 'max_tokens',
  takesTemperature: true,
  takesSystem: true,
};

/** What a server said about a request that it refused. All parts are the server's words. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly param: string;
  readonly message: string;
}

const unsupported =
  /unsupported|not supported|does ?n[o']t support|not support|not allowed|invalid|unknown|unrecognized|unexpected|only the default|deprecated|not permitted|not enabled/i;

/**
 * The dialect to try next after a refusal; null: the refusal is about something else. Each step
 * gives something up, so that trying ends
 * after three.
 */
export function afterRefusal(
  dialect: Dialect,
  { status, param, message }: Refusal,
): Dialect | null {
  if (status !== 400 && status !== 422) return null;
  const head = message.slice(0, 300);
  const names = (field: RegExp): boolean =>
    field.test(param) || (field.test(head) && unsupported.test(head));
  if (dialect.limitField === 'max_tokens' && names(/\bmax_tokens\b/))
    return { ...dialect, limitField: 'max_completion_tokens' };
  if (dialect.limitField === 'max_completion_tokens' && names(/\bmax_completion_tokens\b/))
    return { ...dialect, limitField: 'max_tokens' };
  if (dialect.takesTemperature && names(/\btemperature\b/))
    return { ...dialect, takesTemperature: false };
  const isAboutRole =
    /\bmessages\b.*\brole\b/.test(param) ||
    /\bsystem\b.{0,30}\b(?:role|message|prompt|instruction)|\brole\b.{0,30}\bsystem\b|developer instruction/i.test(
      head,
    );
  if (dialect.takesSystem && isAboutRole && (param !== '' || unsupported.test(head)))
    return { ...dialect, takesSystem: false };
  return null;
}

/** The turns without a system message: its text stands in front of the first user's. */
export function withoutSystem(turns: readonly Turn[]): readonly Turn[] {
  const system = turns.filter(({ role }) => role === 'system').map(({ content }) => content);
  const others = turns.filter(({ role }) => role !== 'system');
  const [first, ...rest] = others;
  if (system.length === 0 || first === undefined)
    return turns.map(({ content }) => ({ role: 'user', content }));
  if (first.role !== 'user') return [{ role: 'user', content: system.join('\n\n') }, ...others];
  return [{ role: 'user', content: `${system.join('\n\n')}\n\n${first.content}` }, ...rest];
}
