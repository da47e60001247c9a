// Finds the two executables that the differential tests compare: the official server, which is the oracle, and ours.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const WITHOUT_OFFICIAL =
  'the official server was not found: set NATS_SERVER_BIN, put nats-server on the PATH, or run ' +
  '`go install github.com/nats-io/nats-server/v2@v2.15.2`';

/** The official executable from NATS_SERVER_BIN, else the PATH, else Go's bin folder; undefined when nowhere. */
export function officialBinary(): string | undefined {
  const named = process.env.NATS_SERVER_BIN;
  if (named) {
    if (!isExecutable(named))
      throw new Error(`NATS_SERVER_BIN names ${named}, which is not an executable file`);
    return named;
  }
  const folders = (process.env.PATH ?? '').split(delimiter);
  return firstExecutable(folders) ?? firstExecutable(goBinFolders());
}

export const WITHOUT_TOOL =
  'the official command line tool was not found: set NATS_CLI_BIN, put nats on the PATH, or run ' +
  '`go install github.com/nats-io/natscli/nats@latest`';

/** The official tool `nats` from NATS_CLI_BIN, else the PATH, else Go's bin folder; undefined when nowhere. */
export function officialTool(): string | undefined {
  const named = process.env.NATS_CLI_BIN;
  if (named) return named;
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...goBinFolders()];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, 'nats'))
    .find(isExecutable);
}

/** Our executable: WEFT_BIN, else `bin/weft-server` of this checkout. */
export function weftBinary(): string {
  return process.env.WEFT_BIN || join(packageRoot(), 'bin', 'weft-server');
}

/** The folder of this package, found from where this file was built to. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the tests');
    folder = parent;
  }
  return folder;
}

function goBinFolders(): string[] {
  const asked = spawnSync('go', ['env', 'GOBIN', 'GOPATH'], { encoding: 'utf8' });
  if (asked.status !== 0) return [];
  const [bin, path] = asked.stdout.split('\n');
  const folders = (path ?? '').split(delimiter).filter(Boolean);
  return [bin ?? '', ...folders.map((folder) => join(folder, 'bin'))].filter(Boolean);
}

function firstExecutable(folders: readonly string[]): string | undefined {
  const name = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
