// What Linux tells about processes and the machine. Elsewhere the figures are undefined and the reports leave them out.
import { readFileSync } from 'node:fs';

const TICK = 10; // milliseconds: USER_HZ is 100 for everything in /proc

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** User and system time of all threads of a process so far, in milliseconds. */
export function cpuOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name, which may contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

/** Resident bytes now and at most. */
export function memoryOf(pid) {
  const status = read(`/proc/${pid}/status`) ?? '';
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  return { rss: of('VmRSS'), peak: of('VmHWM') };
}

/** Time that all cores together were not idle since boot, in milliseconds. */
export function machineBusy() {
  const fields = read('/proc/stat')?.split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  if (fields === undefined) return undefined;
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return (user + nice + system + irq + softirq + steal) * TICK;
}

/** How many files this process may open. */
export function fileLimit() {
  return Number(/Max open files\s+\d+\s+(\d+)/.exec(read('/proc/self/limits') ?? '')?.[1]);
}
