/** Subjects and patterns over a small alphabet, and the simplest thinkable matcher to compare with. */
import fc from 'fast-check';

const token = fc.constantFrom('a', 'b', 'c');
export const literal = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'));
export const pattern = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([tokens, rest]) => (rest || tokens.length === 0 ? [...tokens, '>'] : tokens).join('.'));

/** As simple as can be: a regular expression. */
export function naiveMatches(subject: string, test: string): boolean {
  const source = test
    .split('.')
    .map((part) => (part === '*' ? '[^.]+' : part === '>' ? '.+' : part))
    .join('\\.');
  return new RegExp(`^${source}$`).test(subject);
}

/** All literal subjects of up to five tokens over the alphabet of the generators. */
export const ALL_LITERALS: string[] = [];
for (let level = [''], depth = 0; depth < 5; depth++) {
  level = level.flatMap((head) => ['a', 'b', 'c'].map((tail) => (head === '' ? tail : `${head}.${tail}`)));
  ALL_LITERALS.push(...level);
}
