'use strict';
/**
 * Starts the command line from its bundle. V8's compiled form of the bundle lies beside it, made at build time: with it the
 * server accepts connections some 30 ms sooner. V8 refuses it where it is another version; then the bundle is compiled.
 */
const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

const bundle = join(__dirname, '..', 'dist', 'cli.cjs');
const codeCache = `${bundle}.cache`;

/** The compiled bundle, not yet run; null when it has not been built. */
function compile() {
  if (!existsSync(bundle)) return null;
  const source = readFileSync(bundle, 'utf8');
  return new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: bundle,
    cachedData: existsSync(codeCache) ? readFileSync(codeCache) : undefined,
  });
}

/** Runs the bundle as Node runs a module. */
function run(script) {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, dirname(bundle));
}

module.exports = { codeCache, compile, run };
