// Keeps V8's compiled form of the command line's scripts beside them (see bin/weft-server): starts a server with the flags that are
// given, uses it a little, so that what this needs is compiled, and writes down what V8 has of the scripts that have none yet.
'use strict';
const { existsSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const warmUp = require('./warm-up.cjs');

/** Milliseconds. Long enough for a start; nobody waits for it but the build. */
const STARTED = 300;

const flags = process.argv.slice(2);
const free = createServer().listen(0, '127.0.0.1', () => {
  const { port } = free.address();
  free.close(() => run(port));
});

function run(port) {
  process.argv = [process.argv[0], 'weft-server', '-a', '127.0.0.1', '-p', `${port}`, ...flags];
  const { fileOf, scripts } = require('../bin/weft-server');
  setTimeout(async () => {
    await warmUp(port, flags.includes('-js'));
    for (const [name, script] of scripts) {
      const path = `${fileOf(name)}.cache`;
      if (!existsSync(path)) writeFileSync(path, script.createCachedData());
    }
    process.exit(0);
  }, STARTED);
}
