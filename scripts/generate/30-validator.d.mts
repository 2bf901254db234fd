/** What the generator writes; tests compare it with what is there. */
export function generate(root: URL): Promise<void>;
export function jsonSchema(root: URL): Promise<object>;
export function schemaText(schema: object): string;
export function validatorText(schema: object): string;
