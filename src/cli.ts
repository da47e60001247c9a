/** The command line. */
import { weftVersion } from './version.js';

process.stdout.write(`weft-server: v${weftVersion}\n`);
