/** Files for the reader to keep. */

/** Offers bytes or text as a file of a name. */
export function download(
  document: Document,
  name: string,
  data: string | Uint8Array<ArrayBuffer> | Blob,
  type = "application/octet-stream",
): void {
  const blob = data instanceof Blob ? data : new Blob([data], { type });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName(name);
  link.style.display = "none";
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers fetch the address only after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name that every file system takes: letters, digits, dots, dashes and underscores. */
export function fileName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._]+/, "") || "attrium";
}
