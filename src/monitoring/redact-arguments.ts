/** Takes the secrets out of a command line before it is shown. */

const secretFlag = /^--?(user|pass|auth)(=|$)/s;
const urlFlag = /^--?(routes|cluster|cluster_listen)(=|$)/s;
const REDACTED = '[REDACTED]';

/** The arguments with user names, passwords, tokens, and the users in URLs replaced. */
export function redactArguments(args: readonly string[]): string[] {
  const shown = [...args];
  shown.forEach((argument, i) => {
    const redact = secretFlag.test(argument) ? () => REDACTED : urlFlag.test(argument) ? redactUrls : null;
    if (redact === null) return;
    const equals = argument.indexOf('=');
    if (equals !== -1) shown[i] = argument.slice(0, equals + 1) + redact(argument.slice(equals + 1));
    else if (i + 1 < shown.length) shown[i + 1] = redact(shown[i + 1]!);
  });
  return shown;
}

function redactUrls(list: string): string {
  return list.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/,@]*@/gi, `$1${REDACTED}@`);
}
