/** How an API offers a verb: a description, from which a server is made. Pure. */
import type { Verb, VerbEffects } from './verb.ts';

export interface Route {
  /** `GET` has its input in the query, `POST` as JSON. */
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /**
   * `plan-then-apply`: the first call returns the plan and changes nothing, the second carries out
   * that very plan, or is refused where another one came about.
   */
  readonly steps: 'direct' | 'plan-then-apply';
}

/** What the verb changes at most. */
export const effectsOf = ({ effects, kind }: Pick<Verb, 'effects' | 'kind'>): VerbEffects =>
  effects ?? (kind === 'change' ? 'hosts' : 'nothing');

/** Null: the verb is about its caller's own terminal or shell. */
export function routeOf(verb: Pick<Verb, 'name' | 'kind' | 'effects' | 'isLocal'>): Route | null {
  if (verb.isLocal === true) return null;
  const path = `/v1/${verb.name.replaceAll(' ', '/')}`;
  if (verb.kind === 'change') return { method: 'POST', path, steps: 'plan-then-apply' };
  return { method: effectsOf(verb) === 'nothing' ? 'GET' : 'POST', path, steps: 'direct' };
}
