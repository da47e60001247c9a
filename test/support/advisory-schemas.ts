// The official schemas of advisories and metrics, see test/vectors/schemas.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { storeVectors } from './vectors.js';

export class AdvisorySchemas {
  readonly types: string[];
  // Formats are not checked by it; they are written with Go's types in mind: an unsigned number of 64 bits has a maximum.
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });

  constructor() {
    const file = join(dirname(storeVectors), 'schemas', 'advisories.json');
    const schemas: Record<string, object> = JSON.parse(readFileSync(file, 'utf8'));
    this.types = Object.keys(schemas);
    for (const [type, schema] of Object.entries(schemas)) this.#ajv.addSchema(schema, type);
  }

  /** What is wrong with an advisory; '' when nothing is. */
  problems(advisory: { type: string }): string {
    const validate = this.#ajv.getSchema(advisory.type);
    if (validate === undefined) return `no schema for ${advisory.type}`;
    return validate(advisory) ? '' : this.#ajv.errorsText(validate.errors);
  }
}
