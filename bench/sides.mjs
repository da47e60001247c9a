// Who is measured: each of the two servers, and for JetStream each of them in its other mode, too.

/**
 * @typedef {object} Side
 * @property {string} label
 * @property {'official' | 'weft'} program
 * @property {string} letter for the progress on the terminal
 * @property {string} [sync] `sync_interval` where it is not left to the server
 */

/** In the order of their turns. @type {Record<string, Side>} */
export const sides = {
  official: { label: 'official', program: 'official', letter: 'o' },
  always: { label: 'official, sync always', program: 'official', letter: 'a', sync: 'always' },
  weft: { label: 'Weft', program: 'weft', letter: 'w' },
  lazy: { label: 'Weft, sync 2m', program: 'weft', letter: 'l', sync: '2m' },
};

/** Those of a load. @param {import('./loads.mjs').Load} load */
export const sidesOf = (load) => load.sides ?? ['official', 'weft'];

/** The configuration of a side with its streams in `folder`. */
export function jetStreamConfig(side, folder) {
  const { sync } = sides[side];
  return `jetstream {\n  store_dir: ${JSON.stringify(folder)}\n${sync ? `  sync_interval: ${sync}\n` : ''}}\n`;
}
