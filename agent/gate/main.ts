import { workerExit } from '../protocol/worker.ts';
import { markStop } from './mark-stop.ts';
import { type GateWorld, gateWorld, passGate, reportRefusal } from './pass-gate.ts';

const pass = async (world: GateWorld): Promise<number> => {
  const result = await passGate(world);
  if ('pass' in result) return workerExit.clean;
  reportRefusal(result.refusal);
  return workerExit.gateRefused;
};

const main = async (): Promise<number> => {
  const act = process.argv[2];
  if (act === 'pass') return pass(gateWorld(process.env));
  if (act === 'stopped') {
    markStop(gateWorld(process.env), process.env);
    return workerExit.clean;
  }
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
