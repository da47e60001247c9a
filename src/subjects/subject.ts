/** Subjects as text: tokens separated by `.`, `*` for one token, `>` for all that follow (client protocol, section 9). */

/** Whether a subject may be subscribed to: no empty token, `>` only as the last token. */
export function isValidSubscription(subject: string): boolean {
  if (subject.length === 0) return false;
  let start = 0;
  for (;;) {
    const dot = subject.indexOf('.', start);
    const end = dot === -1 ? subject.length : dot;
    if (end === start) return false;
    if (dot === -1) return true;
    if (end - start === 1 && subject.charCodeAt(start) === 62) return false;
    start = end + 1;
  }
}

/** Whether a subject may stand in a permission: as for a subscription, and without white space. */
export function isValidPattern(subject: string): boolean {
  return isValidSubscription(subject) && !/[ \t\n\f\r]/.test(subject);
}

/** Whether a token of the subject is a wildcard. `foo*` and `foo>` are literal. */
export function hasWildcard(subject: string): boolean {
  for (let i = 0; i < subject.length; i++) {
    const code = subject.charCodeAt(i);
    if (code !== 42 && code !== 62) continue;
    const alone =
      (i === 0 || subject.charCodeAt(i - 1) === 46) &&
      (i + 1 === subject.length || subject.charCodeAt(i + 1) === 46);
    if (alone) return true;
  }
  return false;
}

/** Whether a subject has an empty token: such a subject matches nothing, not even `>`. */
export function hasEmptyToken(subject: string): boolean {
  return (
    subject.length === 0 ||
    subject.charCodeAt(0) === 46 ||
    subject.charCodeAt(subject.length - 1) === 46 ||
    subject.includes('..')
  );
}

/** Whether a client may publish to the subject when it asked for pedantic checks. */
export function isValidLiteral(subject: string): boolean {
  return isValidSubscription(subject) && !hasWildcard(subject);
}

/** Whether a literal subject falls under a pattern. */
export function subjectMatches(literal: string, pattern: string): boolean {
  let at = 0;
  let want = 0;
  for (;;) {
    const patternEnd = tokenEnd(pattern, want);
    const single = patternEnd - want === 1 ? pattern.charCodeAt(want) : 0;
    if (single === 62 && patternEnd === pattern.length) return at <= literal.length;
    const literalEnd = tokenEnd(literal, at);
    if (single !== 42 && literal.slice(at, literalEnd) !== pattern.slice(want, patternEnd)) return false;
    const literalDone = literalEnd === literal.length;
    const patternDone = patternEnd === pattern.length;
    if (literalDone || patternDone) return literalDone && patternDone;
    at = literalEnd + 1;
    want = patternEnd + 1;
  }
}

/** Whether every literal subject that `subject` stands for is one that `pattern` stands for. */
export function isSubsetOf(subject: string, pattern: string): boolean {
  const tokens = subject.split('.');
  const test = pattern.split('.');
  for (let i = 0; i < test.length; i++) {
    if (i >= tokens.length || tokens[i] === '') return false;
    if (test[i] === '>') return true;
    if (tokens[i] === '>' || (tokens[i] === '*' && test[i] !== '*')) return false;
    if (test[i] !== '*' && test[i] !== tokens[i]) return false;
  }
  return tokens.length === test.length;
}

/** Whether some literal subject matches both patterns. */
export function patternsOverlap(a: string, b: string): boolean {
  const left = a.split('.');
  const right = b.split('.');
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) {
    if (left[i] === '>' || right[i] === '>') return true;
    if (left[i] !== right[i] && left[i] !== '*' && right[i] !== '*') return false;
  }
  return left.length === right.length;
}

/** The pattern of all literal subjects that match both patterns; null when there are none. */
export function intersection(a: string, b: string): string | null {
  const left = a.split('.');
  const right = b.split('.');
  const tokens: string[] = [];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [one, other] = [left[i]!, right[i]!];
    if (one === '>') return [...tokens, ...right.slice(i)].join('.');
    if (other === '>') return [...tokens, ...left.slice(i)].join('.');
    if (one !== other && one !== '*' && other !== '*') return null;
    tokens.push(one === '*' ? other : one);
  }
  return left.length === right.length ? tokens.join('.') : null;
}

function tokenEnd(subject: string, start: number): number {
  const dot = subject.indexOf('.', start);
  return dot === -1 ? subject.length : dot;
}
