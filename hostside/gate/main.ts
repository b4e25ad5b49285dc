import { workerExit } from '../protocol/worker.ts';
import { askTelegramTime } from './ask-telegram-time.ts';
import { markStop } from './mark-stop.ts';
import { type GateWorld, gateWorld, passGate, recheckTicket, reportRefusal } from './pass-gate.ts';

/** Prints the ticket that the worker behind the gate shows at every later check. */
const pass = async (world: GateWorld): Promise<number> => {
  const result = await passGate(world);
  if ('refusal' in result) return refuse(result.refusal);
  console.log(result.pass.ticket);
  return workerExit.clean;
};

const check = async (world: GateWorld, ticket: string | undefined): Promise<number> => {
  const refusal = await recheckTicket(world, ticket);
  if (refusal === null) return workerExit.clean;
  if (refusal !== 'unanswered') return refuse(refusal);
  console.error('fleet gate: Telegram does not say its time: do not connect now, ask again later');
  return workerExit.transient;
};

/** A worker in another process has no connection yet on which Telegram could be asked. */
const worldWithTime = (): GateWorld => ({
  ...gateWorld(process.env),
  askTime: () => askTelegramTime(process.env.FLEET_TELEGRAM_ADDRESSES),
});

const refuse = (refusal: string): number => {
  reportRefusal(refusal);
  return workerExit.gateRefused;
};

const main = async (): Promise<number> => {
  const act = process.argv[2];
  if (act === 'pass') return pass(worldWithTime());
  if (act === 'check') return check(worldWithTime(), process.env.FLEET_GATE_TICKET);
  if (act === 'stopped') {
    markStop(gateWorld(process.env), process.env);
    return workerExit.clean;
  }
  console.error(
    'usage: gate pass|check|stopped, with FLEET_KEY_ID, FLEET_STATE_DIR and FLEET_RUNTIME_DIR set',
  );
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
