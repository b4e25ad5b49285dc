import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GateWorld } from '../../../hostside/gate/pass-gate.ts';
import { bundledLingerMs } from '../../../hostside/protocol/linger.ts';
import { type WorkerState, workerExit } from '../../../hostside/protocol/worker.ts';
import type { ModelPass } from './host-programs.ts';
import type { DataCentreConnection } from './model-dc.ts';
import type { ModelHost } from './model-host.ts';
import { type ModelProcess, running } from './model-process.ts';

interface WorkerEvents {
  readonly online: () => void;
  readonly refused: (text: string) => void;
  readonly exit: (status: number) => void;
}

/** The process behind a unit: it waits in the shipped gate, then connects. */
export interface ModelWorker {
  /** It is a program of the release before. */
  readonly isBefore: boolean;
  /** It has passed the gate: from here on it may connect at any moment. */
  readonly isPastGate: () => boolean;
  readonly isOnline: () => boolean;
  /** Ends it from outside; an unclean end leaves its socket behind for a while. */
  end(isClean: boolean): void;
  /** The machine lost its power. */
  vanish(): void;
  /** Ends it, but for a process that keeps its connection; gives what ends that one. */
  leave(): (isPowerLost: boolean) => void;
  /** It does nothing until it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Its machine stands still: it counts as past the gate again only when it connects. */
  sleep(): void;
}

/**
 * How long the kernel still sends what a killed process had queued. Shorter than the default
 * unclean settle floor, which is the product's assumption.
 */
const orphanSocketMs = 25_000;

export function startWorker(
  host: ModelHost,
  world: GateWorld,
  session: string,
  process: ModelProcess,
  events: WorkerEvents,
): ModelWorker {
  const { simulation, dataCentre, programs } = host;
  let connection: DataCentreConnection | null = null;
  let isPastGate = false;
  let userState: WorkerState = 'starting';
  let pass: ModelPass | null = null;
  /**
   * Until when Telegram may count a connection that ended without its word, by the machine's clock.
   */
  let lingersUntilMs = 0;
  const who = `${host.name}/${world.keyId.slice(0, 4)}`;

  /**
   * Its last act: whether Telegram has confirmed the end of its connection. A disk that fails is as
   * good as no mark.
   */
  const markEnd = (): void => {
    const isConfirmed = connection?.silentSinceMs == null && host.monotonicMs >= lingersUntilMs;
    try {
      host.inside(process, () => pass?.end?.(isConfirmed));
    } catch (error) {
      simulation.note(`${who} cannot mark its end: ${String(error)}`);
    }
  };

  const exit = (status: number): void => {
    if (!process.isAlive) return;
    markEnd();
    if (connection !== null) dataCentre.close(connection);
    connection = null;
    host.end(process);
    simulation.note(`${who} exits with ${status}`);
    events.exit(status);
  };

  const show = (state: WorkerState): void => {
    userState = state;
    const at = new Date(simulation.nowMs).toISOString();
    const status = {
      format: 1,
      state,
      since: at,
      reason: '',
      updatedAt: at,
      userId: null,
      until: null,
      latencyMs: 50,
      counters: {},
    };
    // The runtime directory is in memory: no disk can fail it.
    running.exit(() =>
      writeFileSync(join(world.runtimeDirectory, 'status.json'), JSON.stringify(status)),
    );
  };

  const thawed = (act: () => void): void => {
    if (process.frozen === null) act();
    else process.frozen.push(act);
  };

  const live = async (): Promise<void> => {
    const gate = await programs.passGate(world);
    if ('refusal' in gate) {
      simulation.note(`${who} gate: ${gate.refusal}`);
      events.refused(gate.refusal);
      return exit(workerExit.gateRefused);
    }
    isPastGate = true;
    pass = gate.pass;
    host.watch.passedGate(host, world.keyId, gate.pass.epoch);
    if (session.trim() !== host.watch.sessionOf(world.keyId))
      simulation.violate(`${who} runs with another session than its key's`);
    show('starting');
    for (;;) {
      await host.sleep(
        process,
        Math.max(host.chance.between(50, 900), lingersUntilMs - host.monotonicMs),
      );
      const refusal = host.luck.isCustomWorker ? null : gate.pass.recheck();
      if (refusal !== null) {
        simulation.note(`${who} stops before a connect: ${refusal}`);
        return exit(workerExit.gateRefused);
      }
      if (dataCentre.unreachableFrom.has(host.name) || host.isWayDead) continue;
      // On the new connection, before the key is shown.
      const held = host.luck.isCustomWorker
        ? null
        : (gate.pass.judgeTime?.(simulation.nowMs) ?? null);
      if (held !== null) {
        simulation.note(`${who} shows no key: ${held}`);
        return exit(workerExit.gateRefused);
      }
      const ended = new Promise<'duplicated' | 'dropped'>((resolve) => {
        const hear = (reason: 'duplicated' | 'dropped'): void =>
          host.whenItHears(() => thawed(() => resolve(reason)));
        const made = dataCentre.connect(world.keyId, host.name, programs.disconnectAfterMs, hear);
        if (made === 'duplicated') return resolve('duplicated');
        connection = made;
        host.wayListeners.add(() => {
          if (connection !== made) return;
          lingersUntilMs =
            host.monotonicMs - (simulation.nowMs - host.wayDeadAtMs) + bundledLingerMs;
          dataCentre.close(made);
          thawed(() => resolve('dropped'));
        });
      });
      if (connection !== null) {
        simulation.note(`${who} online at epoch ${gate.pass.epoch}`);
        show('online');
        events.online();
      }
      const reason = await ended;
      if (!process.isAlive) return;
      connection = null;
      if (reason === 'duplicated') return exit(workerExit.duplicated);
      if (dataCentre.loggedOut.has(world.keyId)) {
        show('needs-login');
        return exit(workerExit.needsLogin);
      }
      show('reconnecting');
    }
  };

  // What the gate cannot do, for example write its mark on a full disk, refuses:
  // hostside/gate/main.ts.
  host.inside(process, live).catch((error: unknown) => {
    simulation.note(`${who} gate fails: ${String(error)}`);
    exit(workerExit.gateRefused);
  });

  const end = (isClean: boolean): void => {
    if (isClean) markEnd();
    host.end(process);
    const left = connection;
    connection = null;
    if (left === null) return;
    if (isClean) dataCentre.close(left);
    else {
      // What was queued, and the end behind it, can no longer be sent when the machine goes down
      // meanwhile: then nothing has come since the worker was killed.
      const [{ life }, sinceMs] = [host, dataCentre.lastPacketMs(left)];
      simulation.at(host.chance.between(100, orphanSocketMs), () =>
        host.life === life ? dataCentre.close(left) : dataCentre.vanish(left, sinceMs),
      );
    }
  };

  return {
    isBefore: programs.isBefore,
    isPastGate: () => isPastGate && process.isAlive,
    isOnline: () => process.isAlive && userState === 'online',
    end,
    vanish: () => {
      host.end(process);
      if (connection !== null) dataCentre.vanish(connection);
      connection = null;
    },
    leave: () => {
      host.end(process);
      const left = connection;
      connection = null;
      return (isPowerLost) => {
        if (left === null) return;
        if (isPowerLost) dataCentre.vanish(left);
        else dataCentre.close(left);
      };
    },
    sleep: () => {
      isPastGate = false;
    },
    freeze: () => {
      process.frozen ??= [];
      if (connection !== null) dataCentre.freeze(connection);
    },
    thaw: () => {
      if (connection !== null) dataCentre.thaw(connection);
      const waiting = process.frozen ?? [];
      process.frozen = null;
      for (const act of waiting) act();
    },
  };
}
