import { readBootVerdict } from '../machine/boot.ts';
import { bootIdentity } from '../machine/boot-identity.ts';
import { placesBelow } from '../machine/places.ts';
import { judgeBoot } from './judge-boot.ts';

const main = async (): Promise<void> => {
  const places = placesBelow(process.env.FLEET_ROOT ?? '/');
  const bootId = bootIdentity(places);
  if (bootId === null) throw new Error('the kernel shows no boot id');
  // Once per boot: a restart of this unit must not judge again, by then the contact that ended the
  // hold looks like a fresh one.
  const standing = readBootVerdict(places);
  const verdict = standing?.bootId === bootId ? standing : await judgeBoot(places, bootId);
  console.log(
    verdict.verdict === 'run'
      ? 'accounts may run'
      : `accounts are held: ${verdict.reasons.join('; ')}`,
  );
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
