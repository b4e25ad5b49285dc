import { modelClient } from '../../../agent/worker/model/model-client.ts';
import { modelContract } from './model-contract.ts';

modelContract('the client', modelClient);
