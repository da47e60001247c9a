/**
 * Reads the fields of a JSON object that came from somebody else, the way Go reads one into a structure: names in any case, the last
 * of several wins, absent ones and nulls are zero, unknown ones are ignored, and a value of another type is an error.
 */
export class JsonFields {
  readonly #fields = new Map<string, unknown>();
  readonly #path: string;
  readonly #error: new (
    message: string,
  ) => Error;

  /** `path` names the object in errors, which are made with `error`. Throws when `value` is neither an object nor null. */
  constructor(value: unknown, path: string, error: new (message: string) => Error) {
    this.#path = path;
    this.#error = error;
    if (value === null || value === undefined) return;
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong('', value, 'an object');
    for (const [name, field] of Object.entries(value)) {
      if (field !== null) this.#fields.set(name.toLowerCase(), field);
    }
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  string(name: string): string {
    const value = this.#fields.get(name) ?? '';
    if (typeof value !== 'string') throw this.#wrong(name, value, 'a string');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#fields.get(name) ?? false;
    if (typeof value !== 'boolean') throw this.#wrong(name, value, 'a boolean');
    return value;
  }

  /** A whole number; `absent` where there is none. */
  integer(name: string, absent = 0): number {
    const value = this.#fields.get(name) ?? absent;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#wrong(name, value, 'an integer');
    return value;
  }

  /** A list of texts; undefined where there is none. */
  strings(name: string): string[] | undefined {
    const value = this.#fields.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrong(name, value, 'a list');
    return value.map((item: unknown) => {
      if (item === null) return '';
      if (typeof item !== 'string') throw this.#wrong(name, item, 'a string');
      return item;
    });
  }

  /** The object of that name; one without fields where there is none. */
  object(name: string): JsonFields {
    return new JsonFields(this.#fields.get(name), this.#pathOf(name), this.#error);
  }

  objects(name: string): JsonFields[] {
    const value = this.#fields.get(name) ?? [];
    if (!Array.isArray(value)) throw this.#wrong(name, value, 'a list');
    return value.map((item: unknown) => new JsonFields(item, this.#pathOf(name), this.#error));
  }

  #pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #wrong(name: string, value: unknown, wanted: string): Error {
    const place = name === '' ? this.#path : this.#pathOf(name);
    const got = Array.isArray(value) ? 'a list' : typeof value;
    return new this.#error(
      `wrong type of JSON value${place === '' ? '' : ` ${place}`}: ${got}, not ${wanted}`,
    );
  }
}
