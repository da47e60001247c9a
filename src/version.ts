/** The versions this server speaks of. */

declare const WEFT_VERSION: string;

/** The official server whose behaviour this is; clients and tools switch features on by it. */
export const natsVersion = '2.15.2';

/** Our own version, from package.json at build time. */
export const weftVersion: string = typeof WEFT_VERSION === 'string' ? WEFT_VERSION : '0.0.0';
