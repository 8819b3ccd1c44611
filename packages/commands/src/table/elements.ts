/** Which arguments of a request are elements (fields, members) of the collection at its first key: the dispatcher loads ahead what looking them up will read. */

/** The first, and every how many from there on. */
export type ElementPositions = readonly [first: number, step: number];

/** By the end of a command's syntax (syntax.ts). ZADD's options move its members; what is loaded then is of no use, and does no harm. */
const FORMS: readonly (readonly [RegExp, ElementPositions])[] = [
  [/^@key (field|member)\+?$/, [2, 1]],
  [/^@key ((field|member) |\(field-value: field value\)\+$)/, [2, 2]],
  [/^@key (.* )?(score:double member\)\+|increment:\w+ member)$/, [3, 2]],
];

/** Null: there are none. */
export function elementsOf(syntax: string): ElementPositions | null {
  return FORMS.find(([form]) => form.test(syntax))?.[1] ?? null;
}
