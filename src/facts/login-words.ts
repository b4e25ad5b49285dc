import * as z from 'zod';
import type { LoginWord } from '../../hostside/protocol/login.ts';
import { FleetError } from '../model/errors.ts';
import { words } from './protocol-schemas.ts';

const key = z.strictObject({ dataCentre: z.int().min(1).max(5), authKey: z.base64().length(344) });
const problem = z.enum(['wrong', 'expired', 'invalid']).nullable();
const lingerMs = z.int().min(0).max(600_000);
const seconds = z.int().min(0).max(10_000_000);

const wordSchema = z.union([
  z.object({ ask: z.literal('keep'), key }),
  z.object({ ask: z.literal('phone'), problem }),
  z.object({
    ...{
      ask: z.literal('code'),
      by: z.enum(['app', 'sms', 'call', 'email', 'fragment']),
      length: z.int().min(1).max(64).nullable(),
    },
    ...{ nextInS: seconds.nullable(), problem },
  }),
  z.object({ ask: z.literal('password'), hint: words(128), problem }),
  z.object({ ask: z.literal('token'), problem }),
  z.object({
    show: z.literal('qr'),
    url: z.string().regex(/^tg:\/\/login\?token=[A-Za-z0-9_-]{1,200}$/),
    forS: z.int().min(1).max(600),
  }),
  z.object({
    ...{ end: z.literal('done'), key, userId: z.string().regex(/^[1-9]\d{0,18}$/) },
    ...{
      username: z
        .string()
        .regex(/^\w{1,64}$/)
        .nullable(),
      isBot: z.boolean(),
      lingerMs,
    },
  }),
  z.object({ end: z.literal('out'), lingerMs }),
  z.object({
    ...{ end: z.literal('failed'), message: words(600), seconds: seconds.nullable(), lingerMs },
    why: z.enum([
      'request',
      'network',
      'flood-wait',
      'proof',
      'banned',
      'unoccupied',
      'other-user',
      'refused',
      'silent',
    ]),
  }),
]);

/**
 * One line of the login program. Its text may hold a key: no part of it is in the error. Errors:
 * `agent-reply`.
 */
export function parseLoginWord(host: string, line: string): LoginWord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const word = wordSchema.safeParse(value);
  if (word.success) return word.data;
  throw new FleetError('agent-reply', `${host}: fleet's login program said something unknown`, {
    host,
    hint: `bring the host up to date: fleet init --limit ${host}`,
  });
}
