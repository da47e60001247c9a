/** PROFILEZ. */
export async function profile(_options: { name: string; debug: number; duration: number }) {
  return { profile: null, error: 'Profile name not specified' };
}
