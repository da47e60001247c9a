// Runs the official tool `nats` and makes what it prints comparable between two servers.
import { type ChildProcess, spawn } from 'node:child_process';
import { officialTool } from '../support/official.js';
import type { Side } from './pair.js';

/** `output` is what it printed, as lines in any order without numbers, and its exit code. */
export function tool(
  side: Side,
  user: string,
  command: string | readonly string[],
  home: string,
): { child: ChildProcess; output: Promise<string> } {
  const login = ['--server', `127.0.0.1:${side.port}`, '--user', user, '--password', user];
  const child = spawn(
    officialTool()!,
    [...login, ...(typeof command === 'string' ? command.split(' ') : command)],
    {
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, COLUMNS: '200' },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: home,
      timeout: 20_000,
    },
  );
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8');
    stream.on('data', (data: string) => {
      text += data;
    });
  }
  const output = new Promise<string>((resolve) => {
    child.on('close', (code) =>
      resolve(
        `${normalise(text.replaceAll(home, '<home>').replaceAll(side.process.folder, '<folder>'))}\nexit code ${code}`,
      ),
    );
  });
  return { child, output };
}

/** An element of a list without what opens and closes the list. */
function bare(element: string): string {
  return element.replace(/^"\w+":\[|\]$/g, '');
}

/** The lines in any order, without numbers, units and what tables are drawn with. */
function normalise(text: string): string {
  const lines = text
    .replace(/\bN[A-Z0-9]{55}\b/g, '<id>')
    .replace(/\b[0-9A-Za-z]{22}\b/g, '<event>')
    .replace(/"go":"[^"]*"|Go Version: \S+/g, '<go>')
    .replace(/,"weft_version":"[^"]*"/g, '')
    // Officially in the order of a map, which is another one each time.
    .replace(/"(?:imports|exports)":\[[^\]]*\]/g, (list) =>
      list
        .split(/(?<=\}),/)
        .map(bare)
        .sort()
        .join(' '),
    )
    .replace(/"accounts":\[[^\]]*\]/g, (list) =>
      list
        .split(/[[\],]/)
        .sort()
        .join(' '),
    )
    .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, '<time>')
    // A progress bar is drawn when it is time for it.
    .replace(/done!( \[[^\]]*\])?/g, '')
    // Which of the units a number has depends on the number.
    .replace(/\d[\d,.]*\s?(µs|ms|ns|[KMG]i?B|[BKMG]|s)?/g, '#')
    .replace(/(#[hm]?)+/g, '#')
    .split('\n')
    .map((line) => line.replace(/[^\x21-\x7e]+/g, ' ').trim())
    .filter((line) => line !== '');
  return lines.sort().join('\n');
}
