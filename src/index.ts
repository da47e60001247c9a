/** The package's public API. */
export { natsVersion, weftVersion } from './version.js';
