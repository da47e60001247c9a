// Keeps V8's compiled form of the command line beside its bundle (see bin/launch.cjs): starts a server once, so that what a start
// needs is compiled, and writes down what V8 has.
'use strict';
const { writeFileSync } = require('node:fs');
const { codeCache, compile, run } = require('../bin/launch.cjs');

/** Long enough for a start; nobody waits for it but the build. */
const WARM_UP = 300;

process.argv = [process.argv[0], 'weft-server', '-a', '127.0.0.1', '-p', '-1'];
const script = compile();
run(script);
setTimeout(() => {
  writeFileSync(codeCache, script.createCachedData());
  process.exit(0);
}, WARM_UP);
