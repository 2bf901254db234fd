/** Which schema is meant; that of the configuration when none is named. */
export interface Generated {
  readonly folder: string;
  readonly schema: string;
  readonly title: string;
  readonly validator: string;
  readonly what: string;
}

/** What the generator writes; tests compare it with what is there. */
export function generate(root: URL): Promise<void>;
export function jsonSchema(root: URL, what?: Generated): Promise<object>;
export function schemaText(schema: object, what?: Generated): string;
export function validatorText(schema: object, what?: Generated): string;
