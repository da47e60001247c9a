// What two servers do at one moment, a heartbeat and an expiry, falls either way on a busy machine, and the official server has races of
// its own: what a deleted stream has to tell may be lost, and a message may reach a consumer before its count of those to come. So what
// differs has to differ each time.

const TRIES = 3;

/** Resolves as soon as a comparison does, and rejects as the last of them. */
export async function persistently(comparison: (isFirst: boolean) => Promise<void>): Promise<void> {
  for (let tries = 1; tries < TRIES; tries++) {
    try {
      await comparison(tries === 1);
      return;
    } catch (error) {
      console.log(`compared again: ${(error as Error).message.slice(0, 500)}`);
    }
  }
  await comparison(false);
}
