// Keeps V8's compiled form of the command line's scripts beside them (see bin/weft-server): starts a server with the flags that are
// given, so that what a start needs is compiled, and writes down what V8 has of the scripts that have none yet.
'use strict';
const { existsSync, writeFileSync } = require('node:fs');

/** Milliseconds. Long enough for a start; nobody waits for it but the build. */
const WARM_UP = 300;

process.argv = [process.argv[0], 'weft-server', '-a', '127.0.0.1', '-p', '-1', ...process.argv.slice(2)];
const { fileOf, scripts } = require('../bin/weft-server');
setTimeout(() => {
  for (const [name, script] of scripts) {
    const path = `${fileOf(name)}.cache`;
    if (!existsSync(path)) writeFileSync(path, script.createCachedData());
  }
  process.exit(0);
}, WARM_UP);
