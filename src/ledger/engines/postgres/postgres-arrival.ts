import { sql } from 'kysely';
import { ledgerPlaceText } from '../../../model/ledger-place.ts';
import type { migrations } from '../../migrations/all.ts';
import type { ArrivalPlace } from '../arrival.ts';
import type { LedgerDb, PostgresAccess } from '../engine.ts';
import { replacePostgres } from './make-postgres.ts';
import { refuseServer, type ServerFacts, serverFacts } from './open-postgres.ts';
import { postgresError } from './postgres-errors.ts';
import { endPostgresArrival, patience, postgresStanding } from './postgres-mark.ts';
import { Session } from './session.ts';

/** The database as a place for a ledger. */
export function postgresPlace(
  { place, readPassword }: PostgresAccess,
  steps: typeof migrations,
): ArrivalPlace {
  const text = ledgerPlaceText(place);
  const open = async (): Promise<Session> => Session.open(place, await readPassword());
  const told = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw postgresError(text, error);
    }
  };
  const withSession = <T>(act: (session: Session) => Promise<T>): Promise<T> =>
    told(async () => {
      const session = await open();
      try {
        return await act(session);
      } finally {
        await session.close();
      }
    });
  return {
    standing: () =>
      withSession(async (session) => {
        const facts = (await session.run(serverFacts)).rows[0];
        refuseServer(text, facts as unknown as ServerFacts);
        return postgresStanding(
          async (query) => (await session.run(query)).rows[0],
          facts?.isThere === true,
        );
      }),
    arrive: ({ mark, accept, aside, dropsOld, fill }) =>
      told(() =>
        replacePostgres(open, steps, aside, {
          accept: async (db) => {
            await sql.raw(patience).execute(db);
            accept(await postgresStanding(askOf(db), true));
          },
          fill: async (db) => {
            await fill(db);
            await sql`UPDATE ledger SET arriving_from = ${mark}`.execute(db);
            if (dropsOld) await sql.raw(`DROP SCHEMA ${aside} CASCADE`).execute(db);
          },
        }),
      ),
    end: (mark) => withSession((session) => endPostgresArrival(session, mark)),
  };
}

const askOf =
  (db: LedgerDb) =>
  async (query: string): Promise<Readonly<Record<string, unknown>> | undefined> =>
    (await sql.raw<Readonly<Record<string, unknown>>>(query).execute(db)).rows[0];
