// The parent side of a generator process: calls its methods over the IPC channel.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuOf } from './proc.mjs';

const script = fileURLToPath(new URL('./role-process.mjs', import.meta.url));

export class Role {
  #calls = new Map();
  #nextId = 1;

  /** @param {string} name one of those in role-process.mjs */
  constructor(name) {
    this.name = name;
    this.child = fork(script, [name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', ({ id, result, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`${name}: ${error}`));
    });
    this.child.on('exit', (code, signal) => {
      for (const call of this.#calls.values()) call.reject(new Error(`${name} ended (${signal ?? code})`));
      this.#calls.clear();
    });
  }

  /** Calls a method of the role; rejects with its error or when the process ends. */
  call(method, args = {}) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#calls.set(id, { resolve, reject });
      this.child.send({ id, method, args });
    });
  }

  /** Milliseconds of CPU so far. */
  cpu() {
    return cpuOf(this.child.pid) ?? 0;
  }

  async close() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}
