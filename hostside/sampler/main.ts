import { setTimeout as sleep } from 'node:timers/promises';
import { beat } from '../hold/heartbeat.ts';
import { errorCode } from '../machine/durable-file.ts';
import { placesBelow } from '../machine/places.ts';
import { realSamplerWorld, Sampler } from './sampler.ts';
import { serve } from './server.ts';

const lookEveryMs = 15_000;

/** Two looks, so that the share of the CPU is one of this moment. */
const printSample = async (sampler: Sampler): Promise<void> => {
  await sampler.look();
  await sleep(1_100);
  console.log(JSON.stringify(await sampler.sample(), null, 2));
};

const serveForever = async (sampler: Sampler): Promise<void> => {
  await sampler.look();
  const server = await serve(places, sampler);
  const tell = (): void => {
    try {
      beat(places);
    } catch (error) {
      console.error(`no heartbeat: ${errorCode(error)}`);
    }
  };
  tell();
  const timer = setInterval(() => {
    tell();
    sampler
      .look()
      .catch((error: unknown) =>
        console.error(error instanceof Error ? error.message : String(error)),
      );
  }, lookEveryMs);
  process.once('SIGTERM', () => {
    clearInterval(timer);
    tell();
    server.close();
    server.closeAllConnections();
  });
};

const places = placesBelow(process.env.FLEET_ROOT ?? '/');
const isByHand = process.argv[2] === 'sample';
const run = isByHand ? printSample : serveForever;
run(new Sampler(realSamplerWorld(places))).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
