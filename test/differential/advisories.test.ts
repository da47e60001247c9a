// Advisories and metrics beside the official server: the same ones with the same fields in the same order, which fit their schemas where
// the official ones do.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Advisory, AdvisoryScenario, advisoryConf } from '../support/advisory-scenario.js';
import { AdvisorySchemas } from '../support/advisory-schemas.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { persistently } from './again.js';
import { startPair, stopPair } from './pair.js';

/** One line each, by subject, without what differs between two runs. */
function lines(heard: readonly Advisory[]): string[] {
  const all = heard.map(({ subject, body }) => `${subject}: ${mask(JSON.stringify(body))}`).sort();
  // Officially there is one of these for each connection that the server has to itself, too; and other figures.
  const [counted, rest] = [true, false].map((is) =>
    all.filter((line) => line.includes('.SERVER.CONNS') === is),
  );
  return [...rest!, ...new Set(counted!.map((line) => line.replace(/:\d+/g, ':0')))];
}

function mask(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (time) =>
      /^(0001|2100)/.test(time) ? time : '<time>',
    )
    .replace(/"(id|pinned_id)":"[^"]{22}"/g, '"$1":"<id>"')
    .replace(/_INBOX\.[A-Za-z0-9]+\.[A-Za-z0-9]+/g, '_INBOX.x')
    .replace(/\$JS\.SNAPSHOT\.RESTORE\.S\.\w+/g, '$JS.SNAPSHOT.RESTORE.S.x')
    .replace(/"id":"N[A-Z0-9]{55}"/g, '"id":"<server>"')
    .replace(
      /"(rtt|ack_time|id|dropped|seq|bytes|jetstream|service|system|total|cid|ver|start|bytes)":[1-9]\d*/g,
      '"$1":0',
    )
    .replace(/\\"(bytes|ack_time|total|errors|port|pause_remaining)\\":\d+/g, '\\"$1\\":0');
}

const NOTHING = { missing: [], tooMany: [] };

/** Lines that only one of the servers has, as often as it has them more often. */
function parting(weft: string[], official: string[]): { missing: string[]; tooMany: string[] } {
  const rest = [...weft];
  const missing = official.filter((line) => {
    const at = rest.indexOf(line);
    if (at !== -1) rest.splice(at, 1);
    return at === -1;
  });
  return { missing, tooMany: rest };
}

describe('advisories and metrics', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  const schemas = new AdvisorySchemas();
  let official: Advisory[];
  let weft: Advisory[];
  before(() =>
    persistently(async () => {
      const pair = await startPair({ conf: advisoryConf });
      try {
        [official, weft] = (await Promise.all(
          [pair.official, pair.weft].map(({ port }) => new AdvisoryScenario(port).run()),
        )) as [Advisory[], Advisory[]];
      } finally {
        await stopPair(pair);
      }
      assert.deepEqual(parting(lines(weft), lines(official)), NOTHING);
      // The tests tell what differs each time.
    }).catch(() => {}),
  );

  for (const type of schemas.types) {
    test(type, () => {
      const of = (heard: Advisory[]) => heard.filter(({ body }) => body.type === type);
      assert.deepEqual(parting(lines(of(weft)), lines(of(official))), NOTHING);
      const problems = (heard: Advisory[]) => of(heard).map(({ body }) => schemas.problems(body));
      assert.deepEqual([...new Set(problems(weft))], [...new Set(problems(official))]);
    });
  }

  test('nothing else is heard', () => {
    const others = (heard: Advisory[]) =>
      lines(heard.filter(({ body }) => !schemas.types.includes(body.type)));
    assert.deepEqual(parting(others(weft), others(official)), NOTHING);
  });
});
