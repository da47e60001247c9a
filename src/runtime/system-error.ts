/**
 * Operating system errors in the words the official server's platform has for them, because they end up in log lines
 * and on standard error: `open /x/y: no such file or directory` where Node says
 * `ENOENT: no such file or directory, open '/x/y'`.
 */
import { getSystemErrorMap } from 'node:util';

/** Where libuv's wording differs from strerror's. */
const strerror: Readonly<Record<string, string>> = {
  EISDIR: 'is a directory',
  EEXIST: 'file exists',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EIO: 'input/output error',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in system',
  EDQUOT: 'disk quota exceeded',
};

/** The reason alone, `permission denied`; for anything that is no system error its message. */
export function systemErrorReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code !== undefined && code in strerror) return strerror[code]!;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known ? known[1] : error.message;
}

/** `<operation> <path>: <reason>`. */
export function fileErrorText(operation: string, path: string, error: unknown): string {
  return `${operation} ${path}: ${systemErrorReason(error)}`;
}
