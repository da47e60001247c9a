// `npm start -- <flags>`: sets up and builds what is missing, then becomes the server.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

setUp();
const { buildDist } = await import('./build.mjs');
await buildDist();

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// npm runs scripts in the package's folder; relative paths in the flags mean the caller's.
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);
process.argv[1] = join(root, 'bin', 'weft-server');
createRequire(import.meta.url)('../bin/weft-server');
