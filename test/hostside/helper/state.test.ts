import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import { markNames } from '../../../hostside/gate/marks.ts';
import { hashTree } from '../../../hostside/helper/read-tree.ts';
import { parseRequest } from '../../../hostside/helper/request.ts';
import { runRequest } from '../../../hostside/helper/run-request.ts';
import type { Places } from '../../../hostside/machine/places.ts';
import type {
  ActReply,
  HostAct,
  StateCopy,
  StatePart,
} from '../../../hostside/protocol/host-acts.ts';
import { formerLingerMs, longestLingerMs } from '../../../hostside/protocol/linger.ts';
import {
  hashEntries,
  packState,
  smallStateBytes,
  unpackState,
} from '../../../hostside/protocol/state-archive.ts';
import { replySchema } from '../../../src/facts/protocol-schemas.ts';
import { hash, keyId, scratchPlaces } from '../claims/claim-fixtures.ts';
import { ModelUnits } from './model-units.ts';

interface Host {
  readonly places: Places;
  readonly units: ModelUnits;
}

const newHost = (): Host => ({ places: scratchPlaces(), units: new ModelUnits() });
const stateOf = ({ places }: Host): string => join(places.accountState, keyId);

async function ask(host: Host, ...acts: HostAct[]): Promise<readonly ActReply[]> {
  const replies: ActReply[] = [];
  const authority = { id: 'ledger-1', serial: 1, nonce: 'n1', deadlineMs: 60_000 };
  const parsed = parseRequest(JSON.parse(JSON.stringify({ format: 1, authority, acts })));
  if ('fault' in parsed) throw new Error(parsed.fault);
  await runRequest(parsed.request, {
    ...{
      ...host,
      bootId: 'boot-1',
      instanceId: 'machine-1',
      proofMs: 200,
      elapsedMs: () => 0,
      now: () => new Date(0),
    },
    emit: (line) => {
      if ('index' in line) replies.push(line);
      return true;
    },
  });
  return replies;
}

const limits = { memoryMaxBytes: 2e8, memoryHighBytes: 1e8, cpuMaxCores: 0.5, tasksMax: 64 };
const stage = (epoch: number): HostAct => ({
  act: 'stage',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  session: 's',
  config: '{}',
  limits,
});
const grant = (epoch: number, more: { stateHash?: string; idle?: boolean } = {}): HostAct => ({
  act: 'grant',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  vaultHash: hash,
  ...more,
});
const release = (epoch: number): HostAct => ({
  act: 'release',
  keyId,
  epoch,
  moveId: `m${epoch + 1}`,
  successor: 'b',
});
const read = (epoch: number, part = 0): HostAct => ({
  act: 'read-state',
  keyId,
  epoch,
  moveId: `m${epoch + 1}`,
  part,
});
const put = (epoch: number, archive: Uint8Array): HostAct => ({
  act: 'put-state',
  keyId,
  epoch,
  moveId: `m${epoch}`,
  archive: Buffer.from(archive).toString('base64'),
});
const refusals = (replies: readonly ActReply[]): string[] =>
  replies.map(({ refusal }) => refusal ?? 'ok');

/** A host that ran the account at epoch 1 and left a state of more than one part. */
async function released(): Promise<Host> {
  const host = newHost();
  await ask(host, stage(1), grant(1));
  mkdirSync(join(stateOf(host), 'deep', 'er'), { recursive: true });
  writeFileSync(join(stateOf(host), 'deep', 'er', 'notes'), 'remember', { mode: 0o640 });
  // Bytes that do not compress, so that the archive needs several parts.
  const noise = Buffer.from(
    Array.from({ length: 700_000 }, (_, index) => (index * 2654435761) >>> 13),
  );
  writeFileSync(join(stateOf(host), 'noise'), noise);
  writeFileSync(
    join(stateOf(host), 'noise2'),
    Buffer.from(noise.map((byte, index) => byte ^ (index >>> 3) ^ (index * index))),
  );
  symlinkSync('deep/er/notes', join(stateOf(host), 'link'));
  for (const name of markNames.slice(0, 2)) writeFileSync(join(stateOf(host), name), 'mark');
  return host;
}

/** All parts of the final state, and the receipt's hash. */
async function takeFrom(
  host: Host,
): Promise<{ archive: Uint8Array; stateHash: string; parts: number }> {
  const [receipt, first] = await ask(host, release(1), read(1));
  const head = first?.result as StatePart;
  const rest = await ask(
    host,
    ...Array.from({ length: head.parts - 1 }, (_, index) => read(1, index + 1)),
  );
  const slices = [head, ...rest.map(({ result }) => result as StatePart)].map(({ data }) =>
    Buffer.from(data, 'base64'),
  );
  return {
    archive: Buffer.concat(slices),
    stateHash: receipt?.claim?.stateHash ?? '',
    parts: head.parts,
  };
}

describe('a state changes its host', () => {
  test('in parts, whole, with its receipt, but without the marks of the gate', async () => {
    const [from, to] = [await released(), newHost()];
    const { archive, stateHash, parts } = await takeFrom(from);
    expect(parts).toBeGreaterThan(1);
    const entries = unpackState(archive);
    expect(entries.map(({ path }) => path)).toEqual(['deep/er/notes', 'link', 'noise', 'noise2']);
    expect(hashEntries(entries)).toBe(stateHash);
    expect(
      refusals(
        await ask(
          to,
          stage(2),
          put(2, archive),
          put(2, archive),
          grant(2, { stateHash }),
          put(2, packState([])),
        ),
      ),
    ).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(hashTree(stateOf(to), markNames)).toBe(stateHash);
    expect(readFileSync(join(stateOf(to), 'deep/er/notes'), 'utf8')).toBe('remember');
    expect([
      readlinkSync(join(stateOf(to), 'link')),
      (lstatSync(join(stateOf(to), 'deep/er/notes')).mode & 0o777).toString(8),
    ]).toEqual(['deep/er/notes', '640']);
  });

  test.each([3_600_001, 86_400_000, 1e15, -1, 3_600_000])(
    'also where its worker has written that Telegram counts its connection for %d ms: for an hour at most',
    async (lingerMs) => {
      const host = newHost();
      await ask(host, stage(1), grant(1));
      mkdirSync(stateOf(host), { recursive: true });
      const mark = { startId: 's', bootId: 'boot-1', bootMs: 1, lingerMs };
      writeFileSync(join(stateOf(host), markNames[0] ?? ''), JSON.stringify(mark));
      const replies = await ask(host, release(1), read(1));
      expect(replies.map((reply) => replySchema.safeParse(reply).error)).toEqual([
        undefined,
        undefined,
      ]);
      const part = replies[1]?.result as StatePart | undefined;
      expect(part?.settleMs).toBe(lingerMs === longestLingerMs ? longestLingerMs : formerLingerMs);
    },
  );

  test('what lies on the new host from an earlier stay goes, its own marks stay', async () => {
    const to = newHost();
    mkdirSync(join(stateOf(to), 'old'), { recursive: true });
    writeFileSync(join(stateOf(to), 'old', 'notes'), 'forget');
    writeFileSync(join(stateOf(to), markNames[0] ?? ''), 'mark');
    await ask(
      to,
      stage(2),
      put(2, packState([{ path: 'new', kind: 'file', mode: 0o600, content: Buffer.from('x') }])),
    );
    expect(hashTree(stateOf(to), [])).toBe(
      hashEntries(
        [
          { path: 'new', kind: 'file', mode: 0o600, content: Buffer.from('x') },
          { path: markNames[0] ?? '', kind: 'file', mode: 0o600, content: Buffer.from('mark') },
        ].sort((a, b) => (a.path < b.path ? -1 : 1)) as never,
      ),
    );
  });

  test('of the owner that keeps it, for the day on which that host is lost: small, changed, and only of the owner', async () => {
    const host = newHost();
    const copy = (more: { epoch?: number; unless?: string } = {}): HostAct => ({
      act: 'copy-state',
      keyId,
      epoch: 1,
      ...more,
    });
    await ask(host, stage(1));
    expect(refusals(await ask(host, copy()))).toEqual(['state']);
    await ask(host, grant(1));
    mkdirSync(stateOf(host), { recursive: true });
    writeFileSync(join(stateOf(host), 'notes'), 'remember');
    writeFileSync(join(stateOf(host), markNames[0] ?? ''), 'mark');
    const [reply] = await ask(host, copy());
    const { bytes, stateHash = '', data = '' } = (reply?.result ?? {}) as StateCopy;
    const entries = unpackState(Buffer.from(data, 'base64'));
    expect([bytes, entries.map(({ path }) => path), hashEntries(entries)]).toEqual([
      8,
      ['notes'],
      stateHash,
    ]);
    const [again, other] = await ask(host, copy({ unless: stateHash }), copy({ epoch: 2 }));
    expect([again?.result, other?.refusal]).toEqual([
      { kind: 'state-copy', bytes: 8, stateHash },
      'state',
    ]);
    writeFileSync(join(stateOf(host), 'large'), Buffer.alloc(smallStateBytes));
    const [large] = await ask(host, copy());
    expect(large?.result).toEqual({ kind: 'state-copy', bytes: smallStateBytes + 8 });
    await ask(host, release(1));
    expect(refusals(await ask(host, copy()))).toEqual(['state']);
  });

  test('a grant that names a state starts from no other, not from a torn one, and not from none', async () => {
    const [from, to] = [await released(), newHost()];
    const { archive, stateHash } = await takeFrom(from);
    expect(refusals(await ask(to, stage(2), grant(2, { stateHash })))).toEqual(['ok', 'state']);
    await ask(to, put(2, archive));
    writeFileSync(join(stateOf(to), 'noise'), 'torn');
    expect(refusals(await ask(to, grant(2, { stateHash })))).toEqual(['state']);
    expect(readClaim(to.places, keyId).claim).toBeNull();
    expect(refusals(await ask(to, put(2, archive), grant(2, { stateHash })))).toEqual(['ok', 'ok']);
  });

  test('is read by the move that has the receipt only, and after it', async () => {
    const host = await released();
    expect(refusals(await ask(host, read(1)))).toEqual(['state']);
    await ask(host, release(1));
    expect(
      refusals(await ask(host, read(1), { ...read(1), moveId: 'm9' } as HostAct, read(1, 99))),
    ).toEqual(['ok', 'move', 'request']);
  });

  test('is never put under an owner, without a stage, or below what the host has seen', async () => {
    const host = newHost();
    const archive = packState([]);
    expect(refusals(await ask(host, put(2, archive)))).toEqual(['not-staged']);
    await ask(host, stage(2), grant(2), stage(3));
    expect(refusals(await ask(host, put(3, archive), put(1, archive)))).toEqual(['state', 'epoch']);
    expect(
      refusals(
        await ask(
          host,
          { ...release(2), moveId: 'm3' } as HostAct,
          put(2, archive),
          put(3, archive),
        ),
      ),
    ).toEqual(['ok', 'epoch', 'ok']);
  });

  test('is weighed without its marks while the account runs', async () => {
    const host = await released();
    const [reply] = await ask(host, { act: 'weigh-state', keyId });
    expect(reply?.result).toMatchObject({ kind: 'state-size', files: 4 });
    expect(reply?.result).toMatchObject({
      bytes: 1_400_000 + 'remember'.length + 'deep/er/notes'.length,
    });
    const [empty] = await ask(newHost(), { act: 'weigh-state', keyId });
    expect(empty?.result).toMatchObject({ files: 0, bytes: 0 });
  });
});

test('an idle grant owns without a start, now and at the next boot', async () => {
  const host = newHost();
  expect(
    refusals(await ask(host, stage(1), grant(1, { idle: true }), grant(1, { idle: true }))),
  ).toEqual(['ok', 'ok', 'ok']);
  expect(host.units.calls).toEqual(['disable', 'disable', 'reload']);
  expect(readClaim(host.places, keyId).claim).toMatchObject({ state: 'active', epoch: 1 });
});
