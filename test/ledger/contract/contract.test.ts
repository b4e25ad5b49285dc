import { testEngines } from './engines.ts';
import { historyContract } from './history.ts';
import { hostNamesContract } from './host-names.ts';
import { ledgerContract } from './ledger.ts';
import { queriesContract } from './queries.ts';
import { runsContract } from './runs.ts';

// One file, because one server of its own is enough for all.
const engines = testEngines();

queriesContract(engines);
ledgerContract(engines);
historyContract(engines);
runsContract(engines);
hostNamesContract(engines);
