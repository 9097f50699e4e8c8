// Bundles every src/widgets/<name>/index.ts into <outdir>/<name>.js and <name>.css.
//
//   node build.mjs [outdir] [--watch] [--only=<name>]
//
// The output folder is the argument, else $ATTRIUM_STATIC, else the Python package's static folder.
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const WIDGETS = join(HERE, "src", "widgets");
/** What ends up inside the bundles; their licence texts travel with them. */
const BUNDLED = ["preact", "@preact/signals", "@preact/signals-core"];

const args = process.argv.slice(2);
const watch = args.includes("--watch");
const only = args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length);
const outdir = resolve(
  args.find((arg) => !arg.startsWith("--")) ??
    process.env.ATTRIUM_STATIC ??
    join(HERE, "..", "widgets", "attrium", "static"),
);

async function entryPoints() {
  const names = (await readdir(WIDGETS)).filter((name) => !only || name === only).sort();
  return Object.fromEntries(
    names.map((name) => [name, join(WIDGETS, name, "index.ts")]).filter(([, file]) => existsSync(file)),
  );
}

async function writeLicences() {
  const texts = await Promise.all(
    BUNDLED.map(async (name) => `${name}\n\n${await readFile(join(HERE, "node_modules", name, "LICENSE"), "utf8")}`),
  );
  await writeFile(join(outdir, "LICENSES.txt"), texts.join(`\n${"-".repeat(72)}\n\n`));
}

async function reportSizes(names) {
  for (const name of names) {
    for (const kind of ["js", "css"]) {
      const file = join(outdir, `${name}.${kind}`);
      const { size } = await stat(file);
      const packed = gzipSync(await readFile(file)).length;
      console.log(`${`${name}.${kind}`.padEnd(28)} ${kB(size)} kB  (${kB(packed)} gzipped)`);
    }
  }
}

const kB = (bytes) => (bytes / 1000).toFixed(1).padStart(6);

const entries = await entryPoints();
await mkdir(outdir, { recursive: true });
const options = {
  entryPoints: entries,
  outdir,
  bundle: true,
  format: "esm",
  minify: !watch,
  sourcemap: watch ? "inline" : false,
  target: ["es2022", "chrome111", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
  absWorkingDir: HERE,
};

if (watch) {
  const context = await esbuild.context(options);
  await context.watch();
  console.log("watching src/ (Ctrl-C ends it)");
} else {
  await esbuild.build({ ...options, logLevel: "warning" });
  await writeLicences();
  await reportSizes(Object.keys(entries));
}
