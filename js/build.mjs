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

/** Packages that ended up in the bundles, by what was bundled: their licence texts travel with them. */
function bundled(metafile) {
  const packages = Object.values(metafile.outputs)
    .flatMap((output) => Object.keys(output.inputs))
    .map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[0])
    .filter((folder) => folder !== undefined);
  return [...new Set(packages)].sort();
}

async function writeLicences(metafile) {
  const texts = await Promise.all(
    bundled(metafile).map(async (folder) => {
      const file = (await readdir(join(HERE, folder))).find((name) => /^licen[cs]e(\.md|\.txt)?$/i.test(name));
      if (!file) throw new Error(`${folder} is bundled and has no licence file`);
      const name = folder.split("node_modules/").at(-1).replace(/\/$/, "");
      return `${name}\n\n${await readFile(join(HERE, folder, file), "utf8")}`;
    }),
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
  const { metafile } = await esbuild.build({ ...options, logLevel: "warning", metafile: true });
  if (!only) await writeLicences(metafile); // one widget does not have them all
  await reportSizes(Object.keys(entries));
}
