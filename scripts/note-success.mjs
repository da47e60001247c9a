// Loaded before a test file: writes down its path when it ends well. A reporter only knows where a test was declared.
import { appendFileSync } from 'node:fs';

process.on('exit', () => {
  if (!process.exitCode) appendFileSync(process.env.WEFT_PASSED_TESTS, `${process.argv[1]}\n`);
});
