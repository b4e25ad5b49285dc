import type { Duplex } from 'node:stream';

/** A stream that opens after its time is closed again. */
export async function withLimit(opening: Promise<Duplex>, limitMs: number): Promise<Duplex> {
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(
        Object.assign(new Error('no answer to the request for a channel'), { code: 'ETIMEDOUT' }),
      );
    }, limitMs);
  });
  opening.then(
    (stream) => {
      stream.on('error', () => {});
      if (late) stream.destroy();
    },
    () => {},
  );
  return Promise.race([opening, limit]).finally(() => clearTimeout(timer));
}
