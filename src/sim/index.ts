/** What a test of a program with an embedded server can put in the place of the world: `weft-server/sim`. */
export { MemoryDisk } from '../runtime/memory-disk.js';
export { SimulatedClock } from './clock.js';
export { DiskError, SimulatedDisk } from './disk.js';
