import { mkdirSync } from 'node:fs';
import { writeDurably } from '../../machine/durable-file.ts';
import { parseJson, Shape } from '../../machine/json-shape.ts';
import { behaviourPath } from '../../machine/places.ts';
import type { HostAct } from '../../protocol/host-acts.ts';
import { type ActOutcome, done, type HostWorld, readStaged } from '../world.ts';

/** Replaces the behaviour file of an account whose files are here. */
export const configure = (
  { places }: HostWorld,
  act: Extract<HostAct, { readonly act: 'configure' }>,
): ActOutcome => {
  if (readStaged(places, act.keyId).length === 0)
    return {
      ok: false,
      refusal: 'not-staged',
      message: 'no files of the account are on this host',
    };
  const shape = new Shape(parseJson(act.behaviour));
  if (shape.value('format') !== 1 || shape.value('account') !== act.account)
    return {
      ok: false,
      refusal: 'request',
      message: 'the behaviour is not of format 1, or of another account',
    };
  mkdirSync(places.behaviour, { recursive: true, mode: 0o711 });
  writeDurably(behaviourPath(places, act.keyId), act.behaviour, 0o644);
  return done();
};
