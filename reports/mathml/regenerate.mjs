// Reads a JSON list of formulas on stdin, writes a JSON object {formula: MathML}, sorted, on stdout.
// A formula between dollar signs is set as inside a sentence. The first argument is the path of temml.mjs.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { default: temml } = await import(pathToFileURL(process.argv[2]));
const table = {};
for (const key of JSON.parse(readFileSync(0, "utf8")).sort()) {
  const inline = key.length > 2 && key.startsWith("$") && key.endsWith("$");
  const tex = inline ? key.slice(1, -1) : key;
  try {
    table[key] = temml.renderToString(tex, { displayMode: !inline, throwOnError: true, strict: true });
  } catch (error) {
    console.error(`${tex}\n  ${error.message}`);
    process.exitCode = 1;
  }
}
console.log(JSON.stringify(table));
