import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHostSample } from '../../src/facts/agent-sample.ts';
import { FleetError } from '../../src/model/errors.ts';
import { accountReply, bytesOf, hostReply } from './sample-reply.ts';

const refusal = (reply: unknown): string => {
  try {
    parseHostSample('h1', bytesOf(reply));
    return 'accepted';
  } catch (error) {
    return error instanceof FleetError
      ? `${error.code}: ${error.message} (${error.hint})`
      : `unexpected ${error}`;
  }
};

describe("an agent's reply", () => {
  it('of today is read as it is', () => {
    expect(parseHostSample('h1', bytesOf(hostReply()))).toEqual(hostReply());
  });

  it('of the protocol before is read, what it did not know is null', () => {
    const sample = parseHostSample(
      'h1',
      readFileSync(new URL('agent-reply-v1.json', import.meta.url)),
    );
    expect(sample).toMatchObject({
      protocol: 1,
      pressure: null,
      bootVerdict: null,
      cpu: { cores: 2 },
    });
  });

  it.each<[string, unknown, string]>([
    ['nothing', '', 'is not JSON'],
    ['a page of HTML', '<html>', 'is not JSON'],
    ['no protocol', {}, 'names no protocol'],
    [
      'from the future',
      { ...hostReply(), protocol: 9 },
      'newer than 2 (update fleet on this machine)',
    ],
    [
      'from long ago',
      { ...hostReply(), protocol: 0 },
      'too old for 2 (bring the agent up to date: fleet init --limit h1)',
    ],
    [
      'no cores',
      hostReply({ cpu: { cores: 0, busyRatio: { m1: 0, m5: 0, m15: 0, now: 0 } } }),
      'is wrong at cpu.cores',
    ],
    [
      'a negative size',
      hostReply({ disk: { totalBytes: -1, freeBytes: 0 } }),
      'is wrong at disk.totalBytes',
    ],
    [
      'a key that is none',
      hostReply({ accounts: [accountReply({ keyId: '../etc' })] }),
      'is wrong at accounts.0.keyId',
    ],
    ['a field that is missing', { ...hostReply(), memory: undefined }, 'is wrong at memory'],
  ])('%s: refused with the place', (_, reply, expected) => {
    expect(refusal(reply)).toMatch(/^agent-reply: h1: /);
    expect(refusal(reply)).toContain(expected);
  });

  it('whatever it is, is accepted or refused, never thrown out', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.anything().map((value) => ({ ...hostReply(), cpu: value })),
        ),
        (reply) => {
          expect(refusal(reply)).not.toMatch(/^unexpected/);
        },
      ),
    );
  });
});
