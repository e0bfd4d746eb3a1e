// Copying the text of a field, also where the browser offers no clipboard to a page on plain http.

/** Copies what stands in `field`; resolves to whether it worked. */
export async function copyField(field) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // Refused by the browser's settings: the older way below may still be allowed.
    }
  }
  field.focus();
  field.select();
  return document.execCommand('copy');
}
