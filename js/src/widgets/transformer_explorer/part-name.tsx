/** What a number is called, on a line of its own in a tooltip; nothing where it has no name. */
export function PartName({ name }: { name: string }) {
  if (name === "") return null;
  return (
    <>
      <br />
      <span class="attrium-part-name">{name}</span>
    </>
  );
}
