/** JSON as the official server's encoder writes it. */

/** JSON in which everything is escaped that Go escapes: also what HTML would trip over, and two line ends of Unicode. */
export function escapeForGo(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
