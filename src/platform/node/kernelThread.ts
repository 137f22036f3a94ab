// A helper thread of the kernel pool: works on pieces until told to quit.
import { workerData } from 'node:worker_threads';
import { type HelperSetup, serveTickets } from '../../core/base/kernels/tickets.ts';

serveTickets(workerData as HelperSetup);
