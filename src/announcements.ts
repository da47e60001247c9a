/** The files that tell others about this process, kept in step with the options: pid file and ports file. */

import type { Log } from './runtime/log.js';
import { PidFile, PortsFile, type PortUrls } from './runtime/process-files.js';

/** What the files say, and where they are to be. */
export interface AnnouncementSource {
  readonly options: { readonly pidFile?: string; readonly portsFileDir?: string };
  readonly log: Log;
  portUrls(): PortUrls;
}

export class Announcements {
  readonly #source: AnnouncementSource;
  /** First part of the ports file's name. */
  readonly #executable: string;
  #pid: PidFile | null = null;
  #ports: PortsFile | null = null;

  constructor(source: AnnouncementSource, executable: string) {
    this.#source = source;
    this.#executable = executable;
  }

  /** Throws `open <path>: <reason>`. A pid file written before stays, as it does officially. */
  writePid(): void {
    const { pidFile } = this.#source.options;
    if (!pidFile) return;
    const file = new PidFile(pidFile);
    file.write();
    this.#pid = file;
  }

  /** To be called when all listeners are up. */
  writePorts(): void {
    const { options, log } = this.#source;
    if (!options.portsFileDir) return;
    this.#ports = new PortsFile(options.portsFileDir, this.#executable, log);
    this.#ports.write(this.#source.portUrls());
  }

  removePorts(): void {
    this.#ports?.remove();
    this.#ports = null;
  }

  remove(): void {
    this.#pid?.remove();
    this.#pid = null;
    this.removePorts();
  }
}
