/** Names that clients give themselves appear in CLIENT LIST, whose fields are separated by spaces. */

/** Whether a latin1 string has only visible ASCII characters; the empty one has. */
export function validClientText(text: string): boolean {
  return /^[!-~]*$/.test(text) && !text.endsWith("\n");
}
