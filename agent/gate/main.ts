import { workerExit } from '../protocol/worker.ts';
import { markStop } from './mark-stop.ts';
import { type GateWorld, gateWorld, passGate, recheckTicket, reportRefusal } from './pass-gate.ts';

/** Prints the ticket that the worker behind the gate shows at every later check. */
const pass = async (world: GateWorld): Promise<number> => {
  const result = await passGate(world);
  if ('refusal' in result) return refuse(result.refusal);
  console.log(result.pass.ticket);
  return workerExit.clean;
};

const check = (world: GateWorld, ticket: string | undefined): number => {
  const refusal = recheckTicket(world, ticket);
  return refusal === null ? workerExit.clean : refuse(refusal);
};

const refuse = (refusal: string): number => {
  reportRefusal(refusal);
  return workerExit.gateRefused;
};

const main = async (): Promise<number> => {
  const act = process.argv[2];
  if (act === 'pass') return pass(gateWorld(process.env));
  if (act === 'check') return check(gateWorld(process.env), process.env.FLEET_GATE_TICKET);
  if (act === 'stopped') {
    markStop(gateWorld(process.env), process.env);
    return workerExit.clean;
  }
  console.error('usage: gate pass|check|stopped, with FLEET_KEY_ID, FLEET_STATE_DIR and FLEET_RUNTIME_DIR set');
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
