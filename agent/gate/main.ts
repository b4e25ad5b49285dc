import { bootMs, readBootId, readBootVerdict } from '../machine/boot.ts';
import { workerExit } from '../protocol/worker.ts';
import { isCleanEnd, readStartMark, readStopMark, writeStopMark } from './marks.ts';
import { type GateWorld, gateWorld, passGate, reportRefusal } from './pass-gate.ts';

const pass = async (world: GateWorld): Promise<number> => {
  const result = await passGate(world);
  if ('pass' in result) return workerExit.clean;
  reportRefusal(result.refusal);
  return workerExit.gateRefused;
};

/** ExecStopPost, after every end of the unit. A start that the gate refused has made no mark, so it ends none. */
const markStop = (world: GateWorld): number => {
  const start = readStartMark(world.stateDirectory);
  const stop = readStopMark(world.stateDirectory);
  if (start === null || start === 'unreadable') return 0;
  if (stop !== null && stop !== 'unreadable' && stop.startId === start.startId) return 0;
  const bootId = readBootVerdict(world.places)?.bootId ?? readBootId() ?? 'unknown';
  const clean = isCleanEnd(process.env.EXIT_CODE, process.env.EXIT_STATUS);
  writeStopMark(world.stateDirectory, { startId: start.startId, bootId, bootMs: bootMs(), clean });
  return 0;
};

const main = async (): Promise<number> => {
  const act = process.argv[2];
  if (act === 'pass') return pass(gateWorld(process.env));
  if (act === 'stopped') return markStop(gateWorld(process.env));
  console.error('usage: gate pass|stopped, with FLEET_KEY_ID, FLEET_STATE_DIR and FLEET_RUNTIME_DIR set');
  return 2;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(`fleet gate: refused: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = workerExit.gateRefused;
  },
);
