// Counts the tokens of the texts on the standard input, by each tokenizer.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const gpt = (encoding) => require(`gpt-tokenizer/encoding/${encoding}`);
const claude = require("@anthropic-ai/tokenizer").getTokenizer();
const llama = (await import(require.resolve("llama3-tokenizer-js"))).default;
const special = { allowedSpecial: new Set(), disallowedSpecial: new Set() };
const counters = {
  o200k: (text) => gpt("o200k_base").encode(text, special).length,
  cl100k: (text) => gpt("cl100k_base").encode(text, special).length,
  claude: (text) => claude.encode(text.normalize("NFKC"), "all").length,
  llama3: (text) => llama.encode(text, { bos: false, eos: false }).length,
};
const texts = JSON.parse(readFileSync(0, "utf8"));
for (const one of texts) {
  one.tokens = Object.fromEntries(Object.entries(counters).map(([name, count]) => [name, count(one.text)]));
}
process.stdout.write(JSON.stringify(texts));
