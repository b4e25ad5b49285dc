import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import {
  claimFileBytes,
  decodeClaimFile,
  encodeSlot,
  slotBytes,
} from '../../../hostside/claims/claim-slots.ts';
import { claimPath } from '../../../hostside/machine/places.ts';
import { claimOf, keyId, scratchPlaces } from './claim-fixtures.ts';

const older = claimOf({ epoch: 3 });
const newer = claimOf({ epoch: 3, state: 'releasing', successor: 'b' });
const blank = Buffer.alloc(slotBytes);

describe('slots', () => {
  test('the higher sequence wins, whichever slot holds it', () => {
    for (const slots of [
      [encodeSlot(older, 1), encodeSlot(newer, 2)],
      [encodeSlot(newer, 2), encodeSlot(older, 1)],
    ]) {
      const reading = decodeClaimFile(Buffer.concat(slots));
      expect(reading).toMatchObject({ claim: newer, fault: null, sequence: 2 });
    }
  });

  test('the next write never goes to the slot that holds the newest claim', () => {
    expect(decodeClaimFile(Buffer.concat([encodeSlot(older, 1), blank])).nextSlot).toBe(1);
    expect(
      decodeClaimFile(Buffer.concat([encodeSlot(older, 1), encodeSlot(newer, 2)])).nextSlot,
    ).toBe(0);
  });

  test('a write that stops at any byte leaves the older claim, the newer claim, or a fault', () => {
    const before = encodeSlot(claimOf({ epoch: 2, moveId: 'move-2' }), 1);
    const after = encodeSlot(newer, 3);
    const outcomes = new Set<string>();
    for (let cut = 0; cut <= slotBytes; cut += 1) {
      const slot = Buffer.concat([after.subarray(0, cut), before.subarray(cut)]);
      const { claim, fault } = decodeClaimFile(Buffer.concat([slot, encodeSlot(older, 2)]));
      if (fault === null) expect(claim).toEqual(slot.equals(after) ? newer : older);
      else expect(fault).toBe('torn');
      outcomes.add(fault ?? claim?.state ?? 'none');
    }
    expect([...outcomes].sort()).toEqual(['active', 'releasing', 'torn']);
  });

  test('every flipped byte of the newest slot is a fault: an older claim never opens again', () => {
    const sound = Buffer.concat([encodeSlot(older, 1), encodeSlot(newer, 2)]);
    for (let at = slotBytes; at < claimFileBytes; at += 1) {
      const bytes = Buffer.from(sound);
      bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at);
      expect(decodeClaimFile(bytes)).toMatchObject({ claim: older, fault: 'torn' });
    }
  });

  test.each([
    ['all blank', Buffer.alloc(claimFileBytes)],
    ['empty', Buffer.alloc(0)],
    ['one byte short', Buffer.concat([encodeSlot(older, 1), blank]).subarray(1)],
    ['one byte long', Buffer.concat([encodeSlot(older, 1), blank, Buffer.alloc(1)])],
    ['two of one sequence', Buffer.concat([encodeSlot(older, 1), encodeSlot(newer, 1)])],
  ])('%s is torn', (_name, bytes) => {
    expect(decodeClaimFile(bytes).fault).toBe('torn');
  });

  test('a slot of a newer format with a right checksum is told apart from a torn one', () => {
    const future = encodeSlot(newer, 2);
    future.write(
      future.toString('utf8', 24, slotBytes - 32).replace('"format":1', '"format":3'),
      24,
    );
    createHash('sha256')
      .update(future.subarray(0, slotBytes - 32))
      .digest()
      .copy(future, slotBytes - 32);
    expect(decodeClaimFile(Buffer.concat([encodeSlot(older, 1), future])).fault).toBe(
      'newer-format',
    );
  });
});

test('a claim that would not be read back is not written', () => {
  const places = scratchPlaces();
  writeClaim(places, readClaim(places, keyId), older);
  for (const fields of [
    { vaultHash: 'ab' },
    { epoch: 0 },
    { account: '' },
    { moveId: 'x'.repeat(129) },
  ]) {
    expect(() => writeClaim(places, readClaim(places, keyId), claimOf(fields))).toThrow(RangeError);
  }
  expect(readClaim(places, keyId)).toMatchObject({ claim: older, fault: null });
});

describe('files', () => {
  test('writes alternate between the slots and keep the file length', () => {
    const places = scratchPlaces();
    for (let epoch = 1; epoch <= 5; epoch += 1) {
      writeClaim(places, readClaim(places, keyId), claimOf({ epoch }));
      expect(readClaim(places, keyId)).toMatchObject({
        claim: { epoch },
        fault: null,
        sequence: epoch,
      });
      expect(readFileSync(claimPath(places, keyId))).toHaveLength(claimFileBytes);
    }
  });

  test.each([0, 1, 100, slotBytes, claimFileBytes - 1])(
    'a file cut to %i bytes is torn',
    (length) => {
      const places = scratchPlaces();
      writeClaim(places, readClaim(places, keyId), older);
      truncateSync(claimPath(places, keyId), length);
      expect(readClaim(places, keyId).fault).toBe('torn');
    },
  );

  test('a write over a torn file makes it sound', () => {
    const places = scratchPlaces();
    writeFileSync(claimPath(places, keyId), 'garbage');
    writeClaim(places, readClaim(places, keyId), claimOf({ epoch: 9, state: 'revoked' }));
    expect(readClaim(places, keyId)).toMatchObject({ claim: { epoch: 9 }, fault: null });
  });

  test('a write into the torn slot of a half-sound file makes it sound', () => {
    const places = scratchPlaces();
    writeFileSync(
      claimPath(places, keyId),
      Buffer.concat([encodeSlot(older, 4), Buffer.alloc(slotBytes, 1)]),
    );
    expect(readClaim(places, keyId)).toMatchObject({ claim: older, fault: 'torn' });
    writeClaim(places, readClaim(places, keyId), claimOf({ epoch: 9, state: 'revoked' }));
    expect(readClaim(places, keyId)).toMatchObject({
      claim: { epoch: 9 },
      fault: null,
      sequence: 5,
    });
  });

  test('a link, another key and no file', () => {
    const places = scratchPlaces();
    expect(readClaim(places, keyId)).toMatchObject({ claim: null, fault: null });
    writeFileSync(
      claimPath(places, keyId),
      Buffer.concat([encodeSlot(claimOf({ keyId: 'f'.repeat(32) }), 1), blank]),
    );
    expect(readClaim(places, keyId).fault).toBe('torn');
    unlinkSync(claimPath(places, keyId));
    symlinkSync('/dev/zero', claimPath(places, keyId));
    expect(readClaim(places, keyId).fault).toBe('unreadable');
  });
});
