import { existsSync } from 'node:fs';
import type { LoginRequest } from '../../../hostside/protocol/login.ts';
import { helperCommand } from '../../../src/facts/ask-host.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { HostName } from '../../../src/model/names.ts';
import type {
  CommandResult,
  Remote,
  RemoteCommand,
  SocketReply,
} from '../../../src/remote/remote.ts';
import { rebootCommand } from '../../../src/workflows/hosts/reboot-hosts.ts';
import type { Controller } from '../controller.ts';
import type { ModelHost } from './model-host.ts';
import { sampleOf } from './model-sample.ts';

/** What becomes of one remote call. All times in ms. */
export interface CallFate {
  readonly requestMs: number;
  readonly replyMs: number;
  /** The operator's process dies before the call leaves it, or when its answer has arrived. */
  readonly kill: 'before' | 'after' | null;
  /**
   * `late`: the operator gives up, and the request arrives afterwards. `twice`: it also arrives a
   * second time.
   */
  readonly request: 'sent' | 'lost' | 'late' | 'twice';
  readonly reply: 'sent' | 'lost';
  /** For `late` and `twice`. */
  readonly lateMs: number;
  /** Changes of the disk after which the helper is killed; null: it is not. */
  readonly helperWrites: number | null;
  /** At that moment the whole machine loses its power instead. */
  readonly powerLost: boolean;
}

export const plainFate: CallFate = {
  ...{
    requestMs: 10,
    replyMs: 10,
    kill: null,
    request: 'sent',
    reply: 'sent',
    lateMs: 0,
    helperWrites: null,
    powerLost: false,
  },
};

export interface RemoteCall {
  readonly controller: string;
  readonly host: string;
  /** `connect`, `sample`, or the helper's acts joined with `+`. */
  readonly what: string;
}

/** What a host says in the place of the helper that is missing (src/facts/ask-host.ts). */
const exitNotReady = 120;
const exitBare = 121;
const loginTurnMs = 60_000;
const initTimeoutMs = 300_000;
const resendMs = 100_000;
const lostMs = 1_500;
const connectTimeoutMs = 10_000;

/** One turn of a talk with the login program. */
type Turn = <T>(what: string, act: () => T) => Promise<T>;

/** The Remote port over the simulated network. */
export class ModelRemote implements Remote {
  readonly host: HostName;
  readonly #target: ModelHost;
  readonly #controller: Controller;
  /** As far as this end knows: until something on it fails. */
  #isConnected = false;

  constructor(target: ModelHost, controller: Controller) {
    this.host = target.name as HostName;
    this.#target = target;
    this.#controller = controller;
  }

  async connect(): ReturnType<Remote['connect']> {
    const exchange = { byOpenSsh: false, keyExchanges: [] };
    const address = { latencyMs: 20, address: '192.0.2.1', port: 22, user: 'root', exchange };
    if (!this.#isConnected)
      await this.#call('connect', connectTimeoutMs, (_, reply) => reply(address));
    this.#isConnected = true;
    return address;
  }

  async run(command: RemoteCommand): Promise<CommandResult> {
    if (command.command === rebootCommand) {
      const none = new Uint8Array();
      await this.#call<void>('reboot', command.timeoutMs ?? 20_000, (_, reply) => {
        reply();
        this.#target.rebootInOrder();
      });
      return { exitCode: 0, signal: null, stdout: none, stderr: none, truncated: false };
    }
    if (command.command.includes('/bin/fleet-host login ')) return this.#login(command);
    if (command.narrow?.[0] === 'retire')
      return this.#retire(command.narrow.slice(1), command.timeoutMs ?? 20_000);
    if (command.command !== helperCommand || typeof command.stdin !== 'string')
      throw new Error(`no such program: ${command.command}`);
    const request = this.#controller.isBefore ? asBefore(command.stdin) : command.stdin;
    const all = (JSON.parse(request) as { acts: { act: string }[] }).acts.map(({ act }) => act);
    // Every request with authority is a contact; it is named where nothing else is asked but a
    // look.
    const acts = (
      all[0] === 'survey' && all[1] === 'contact'
        ? ['contact', 'survey']
        : all.filter((act) => act !== 'contact' || all.length === 1)
    ).join('+');
    const result = await this.#call<{ exitCode: number | null; lines: readonly unknown[] }>(
      acts,
      command.timeoutMs ?? 20_000,
      (fate, reply, isHeard) => {
        const target = this.#target;
        if (!target.hasPrograms) {
          const wasUsed = existsSync(target.places.claims) || target.units.isAnyRunning();
          return reply({ exitCode: wasUsed ? exitNotReady : exitBare, lines: [] });
        }
        target.runHelper(
          request,
          { writesLeft: fate.helperWrites, powerLost: fate.powerLost, isHeard },
          reply,
        );
      },
    );
    for (const line of result.lines) command.onLine?.(JSON.stringify(line));
    const none = new Uint8Array();
    return {
      exitCode: result.exitCode,
      signal: result.exitCode === null ? 'KILL' : null,
      stdout: none,
      stderr: none,
      truncated: false,
    };
  }

  /**
   * `stopOldUnits`, in a shell: a unit is disabled, loses the link to its session, and is stopped.
   */
  async #retire(keyIds: readonly string[], timeoutMs: number): Promise<CommandResult> {
    const none = new Uint8Array();
    const exitCode = await this.#call<number>('retire', timeoutMs, (_, reply) =>
      reply(keyIds.every((keyId) => this.#target.retire(keyId)) ? 0 : 1),
    );
    return { exitCode, signal: null, stdout: none, stderr: none, truncated: false };
  }

  /** One step of `fleet init` or `fleet uninstall` on a host. */
  step<T>(step: string, act: (host: ModelHost) => T): Promise<T> {
    return this.#call<T>(step, initTimeoutMs, (_, reply) => reply(act(this.#target)));
  }

  /** The login program, a turn at a time; it ends when its operator is gone. */
  async #login({ stdin, onLine }: RemoteCommand): Promise<CommandResult> {
    const done = {
      exitCode: 0,
      signal: null,
      stdout: new Uint8Array(),
      stderr: new Uint8Array(),
      truncated: false,
    };
    if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array)
      throw new Error('a login is a talk');
    const lines = stdin[Symbol.asyncIterator]();
    const heard = async () => {
      const { done: isOver, value } = await lines.next();
      return isOver === true ? {} : JSON.parse(Buffer.from(value).toString('utf8'));
    };
    const turn: Turn = <T>(what: string, act: () => T): Promise<T> =>
      this.#call<T>(what, loginTurnMs, (_, reply) => reply(act()));
    const request = (await heard()) as LoginRequest;
    const { logins } = this.#target;
    // The program of an operator who is gone ends with the connection.
    if (logins.get(request.account)?.isAlive === true) return { ...done, exitCode: 75 };
    logins.set(request.account, this.#controller);
    try {
      await this.#talk(request, turn, heard, (word) => onLine?.(JSON.stringify(word)));
      return done;
    } finally {
      logins.delete(request.account);
    }
  }

  async #talk(
    request: LoginRequest,
    turn: Turn,
    heard: () => Promise<Record<string, unknown>>,
    say: (word: unknown) => void,
  ): Promise<void> {
    const { watch, name } = this.#target;
    let key = request.key;
    if (request.act === 'cancel') {
      const kept = key;
      if (kept !== null) await turn('login-out', () => watch.logOut(request.account, kept));
      return say({ end: 'out', lingerMs: 0 });
    }
    if (key === null) {
      key = await turn('login-key', () => watch.makeKey(request.account));
      say({ ask: 'keep', key });
      if ((await heard())?.kept !== true) return;
    }
    const used = key;
    if (!watch.isLoggedIn(used)) {
      say({ ask: 'phone', problem: null });
      if (typeof (await heard())?.text !== 'string') return;
    }
    say(await turn('login-proof', () => watch.logIn(name, request.account, used)));
  }

  async get(): Promise<SocketReply> {
    const answer = await this.#call<SocketReply | null>('sample', 20_000, (_, reply) => {
      if (!this.#target.isAgentUp) return reply(null);
      reply({
        status: 200,
        body: new TextEncoder().encode(JSON.stringify(sampleOf(this.#target))),
      });
    });
    if (answer !== null) return answer;
    throw new FleetError('agent-unreachable', `${this.host}: the agent closed the connection`, {
      host: this.host,
      hint: 'look at its log',
    });
  }

  upload(): Promise<void> {
    throw new Error('no workflow that is simulated uploads files');
  }

  download(): Promise<Uint8Array> {
    throw new Error('no workflow that is simulated downloads files');
  }

  async close(): Promise<void> {}

  #call<T>(
    what: string,
    timeoutMs: number,
    act: (fate: CallFate, reply: (value: T) => void, isHeard: () => boolean) => void,
  ): Promise<T> {
    const [controller, target] = [this.#controller, this.#target];
    const { simulation } = target;
    const fate = controller.fateOf({ controller: controller.name, host: target.name, what });
    const label = `${controller.name} -> ${target.name} ${what}`;
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const finish = (how: () => void): void => {
        if (isOver || !controller.isAlive) return;
        isOver = true;
        how();
      };
      const fail = (code: 'ssh-lost' | 'ssh-timeout' | 'command-timeout') => (): void => {
        finish(() => {
          this.#isConnected = false;
          simulation.note(`${label}: ${code}`);
          reject(
            new FleetError(code, `${target.name}: ${code}`, {
              host: target.name,
              hint: 'this is a simulated host',
            }),
          );
        });
      };
      const isHeard = (): boolean => !isOver && controller.isAlive && target.link.isHeard;
      const reply = (value: T): void => {
        simulation.at(fate.replyMs, () => {
          if (fate.kill === 'after') controller.kill(`after ${label}`);
          if (fate.reply === 'lost') return fail('ssh-lost')();
          if (target.link.isHeard) controller.whenAwake(() => finish(() => resolve(value)));
        });
      };
      const deliver = (): void => {
        if (!target.isListening || !target.link.hears) return;
        if (target.standstill !== null) {
          // The kernel on this side sends it again for a while.
          const sentMs = simulation.nowMs;
          target.whenItGoesOn(() => (simulation.nowMs - sentMs < resendMs ? deliver() : undefined));
          return;
        }
        if (what.includes('+') || (what !== 'connect' && what !== 'sample'))
          simulation.note(`${label}${isOver ? ' (late)' : ''}`);
        act(fate, reply, isHeard);
      };
      // As an event of its own: in the middle of another chain's transaction, its connection to the
      // ledger would stay taken for ever.
      if (fate.kill === 'before') return simulation.at(0, () => controller.kill(`before ${label}`));
      simulation.at(what === 'connect' ? connectTimeoutMs : timeoutMs, () =>
        controller.whenAwake(fail(what === 'connect' ? 'ssh-timeout' : 'command-timeout')),
      );
      if (!controller.isAlive) return;
      if (!target.isListening) return simulation.at(lostMs, fail('ssh-timeout'));
      // What was said in a talk does not come late: its connection is gone by then.
      const isTalk = what.startsWith('login-');
      if (fate.request === 'lost' || fate.request === 'late')
        simulation.at(lostMs, fail('ssh-lost'));
      if (fate.request === 'sent' || fate.request === 'twice')
        simulation.at(fate.requestMs, deliver);
      if (!isTalk && (fate.request === 'late' || fate.request === 'twice'))
        simulation.at(fate.requestMs + fate.lateMs, deliver);
    });
  }
}

/** A request in the words of the release before, which knew no rosters. */
function asBefore(request: string): string {
  const { authority, ...rest } = JSON.parse(request) as {
    readonly authority?: Record<string, unknown>;
  };
  const { contact: _, history: __, ...stamp } = authority ?? {};
  return JSON.stringify({
    ...rest,
    format: 1,
    ...(authority === undefined ? {} : { authority: stamp }),
  });
}

/** A connection by way of another host that never comes about. */
export function noWayTo(host: HostName): Remote {
  const refuse = async (): Promise<never> => {
    throw new FleetError('ssh-timeout', `${host}: no way through others`, {
      host,
      hint: 'this network has none',
    });
  };
  return {
    host,
    connect: refuse,
    run: refuse,
    upload: refuse,
    download: refuse,
    get: refuse,
    close: async () => undefined,
  };
}
